"""The contract of all stores: what is due, async tasks, workers and the lease of the one that leads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import TaskEntity
from orchestrator.core.errors import ContendedError
from orchestrator.core.ports import Signs, Store, Straggler
from orchestrator.core.status import Outcome, Phase, Status, TaskState
from tests.services import until
from tests.store.rows import (
    NOW,
    SECOND,
    change,
    news,
    put,
    put_news,
    put_tasks,
    put_tree,
    root,
    task,
    worker,
)


def test_what_is_due_comes_longest_overdue_first(store: Store) -> None:
    put(store, root(1, wake_at=NOW + 2 * SECOND))
    put(store, root(2, wake_at=NOW + SECOND))
    put(store, root(3, wake_at=NOW + 9 * SECOND))
    put(store, root(4))

    found = store.due(NOW + 2 * SECOND, 10)

    assert [one.label for one in found] == ["root 2", "root 1"]
    assert [one.label for one in store.due(NOW + 99 * SECOND, 1)] == ["root 2"]


def test_roots_past_their_deadline_are_found_once(store: Store) -> None:
    late = put(store, root(1, deadline=NOW, status=Status.WAITING))
    put(store, root(2, deadline=NOW + 9 * SECOND, status=Status.WAITING))
    put(store, root(3, deadline=NOW, status=Status.SUCCEEDED))
    ending = put(store, root(4, deadline=NOW, status=Status.READY, phase=Phase.END))

    found = {late.command_id, ending.command_id}
    assert set(store.overdue_roots(NOW + SECOND, 10)) == found
    change(store, late, stopping=Outcome.FAILED)
    change(store, ending, stopping=Outcome.FAILED)
    assert store.overdue_roots(NOW + SECOND, 10) == []


def test_what_goes_on_in_a_tree_that_is_being_stopped_is_found(store: Store) -> None:
    stopped = {"stopping": Outcome.STOPPED, "message": "enough"}
    top, goes_on, told, asleep, done = put_tree(store, 1, 4, status=Status.WAITING)
    change(store, top, **stopped)
    change(store, told, **stopped)
    change(store, asleep, status=Status.DELAYED, **stopped)
    change(store, done, status=Status.SUCCEEDED)
    ended, *_ = put_tree(store, 2, 1, status=Status.WAITING)
    change(store, ended, status=Status.STOPPED, **stopped)
    put_tree(store, 3, 1, status=Status.WAITING)

    found = store.stragglers(10)

    assert sorted(found) == sorted([
        Straggler(goes_on.command_id, Outcome.STOPPED, "enough"),
        Straggler(asleep.command_id, None, ""),
    ])  # fmt: skip


def test_a_lease_is_read_as_it_is_and_a_farewell_may_depend_on_it(store: Store) -> None:
    row = worker("w", alive_until=NOW, place="here", born=2**40)
    store.heartbeat(row)
    assert store.workers() == [row]
    with store.begin() as tx:
        assert tx.lease_of("w") == NOW
        assert tx.lease_of("nobody") is None

    store.heartbeat(replace(row, alive_until=NOW + SECOND))
    store.farewell("w", seen=NOW)
    assert [one.worker_id for one in store.workers()] == ["w"]

    store.farewell("w", seen=NOW + SECOND)
    assert store.workers() == []


def test_one_look_tells_what_there_is_to_do(store: Store) -> None:
    put(store, root(1, wake_at=NOW + 9 * SECOND, deadline=NOW + 9 * SECOND))
    store.heartbeat(worker("known", alive_until=NOW + 9 * SECOND))
    nothing = Signs(
        due=False, overdue_roots=False, overdue_tasks=False, silent_workers=False, strangers=False
    )
    assert store.signs(NOW) == nothing
    assert store.signs(NOW + 10 * SECOND) == nothing._replace(
        due=True, overdue_roots=True, silent_workers=True
    )

    command = put(store, root(2, worker_id="known", status=Status.RUNNING))
    put_tasks(store, task(command, wake_at=NOW))
    assert store.signs(NOW) == nothing._replace(overdue_tasks=True)
    store.farewell("known")

    assert store.signs(NOW) == nothing._replace(overdue_tasks=True, strangers=True)


def test_a_task_is_read_as_it_was_stored(store: Store) -> None:
    command = put(store, root())
    full = task(
        command, external_id="x-1", state=TaskState.CLEAR_FAILED, status=TaskStatus.LOST,
        progress=0.5, message="ä", result={"a": [None, 0]}, detail={"b": False},
        stop_requested=True, lease_s=2.5, when_silent="fail", correlation_id="c",
        wake_at=NOW, deadline=NOW + SECOND,
    )  # fmt: skip

    put_tasks(store, full)

    assert store.tasks([command.command_id]) == [full]


def test_a_saved_task_is_changed(store: Store) -> None:
    command = put(store, root())
    put_tasks(store, task(command))
    changed = replace(task(command), status=TaskStatus.FAILED, result=[1], stop_requested=True)

    with store.begin() as tx:
        tx.save_tasks([changed])

    assert store.tasks([command.command_id]) == [changed]


def test_a_command_is_at_its_newest_task_that_is_not_cleared(store: Store) -> None:
    command = put(store, root())
    put_tasks(store, task(command, 1), task(command, 2), task(command, 3, state=TaskState.CLEARED))

    with store.begin() as tx:
        assert tx.open_task(command.command_id) == task(command, 2)
        assert tx.open_task(root(2).command_id) is None


def test_a_report_finds_its_task_by_our_id_or_by_theirs(store: Store) -> None:
    command = put(store, root())
    ours = task(command, external_id="x-1")
    put_tasks(store, task(command, 2, external_id="x-1", state=TaskState.CLEARED), ours)

    assert _found(store, task_id=ours.task_id) == ours
    assert _found(store, external_id="x-1") == ours
    assert _found(store, external_id="x-2") is None
    assert _found(store, external_id="x-1", scope="there") is None
    assert _found(store, task_id=root(9).command_id) is None


def test_scopes_with_open_tasks_are_found(store: Store) -> None:
    command = put(store, root())
    put_tasks(
        store,
        task(command, 1),
        task(command, 2),
        task(command, 3, scope="there", state=TaskState.ENDED),
        task(command, 4, scope="nowhere", state=TaskState.CLEARED),
    )

    assert sorted(store.scopes()) == [("sys", "here"), ("sys", "there")]
    assert [one.task_id for one in store.open_tasks("sys", "here")] == [
        task(command, 1).task_id, task(command, 2).task_id,
    ]  # fmt: skip


def test_tasks_are_told_once_they_were_written(store: Store) -> None:
    command = put(store, root())
    put_tasks(store, task(command, 1), task(command, 2))
    told, mark = store.changed_tasks(None)
    assert told == []
    put_news(store, [news(command)])
    _, mark = store.changed_tasks(mark)

    saved = task(command, 2, state=TaskState.CLEARED)
    put_tasks(store, task(command, 3))
    with store.begin() as tx:
        tx.save_tasks([saved])
    told, mark = store.changed_tasks(mark)
    put_news(store, [news(command)])
    _, mark = store.changed_tasks(mark)

    assert sorted(told, key=lambda one: one.created_at) == [saved, task(command, 3)]
    assert store.changed_tasks(mark) == ([], mark)


def test_a_change_that_was_taken_back_is_not_told(store: Store) -> None:
    command = put(store, root())
    put_tasks(store, task(command))
    _, mark = store.changed_tasks(None)

    with suppress(ZeroDivisionError), store.begin() as tx:
        tx.save_tasks([task(command, state=TaskState.CLEARED)])
        _ = 1 / 0
    told, _ = store.changed_tasks(mark)

    assert told in ([], [task(command)])


def test_tasks_whose_lease_or_deadline_has_passed_are_found(store: Store) -> None:
    command = put(store, root())
    put_tasks(store, task(command, 1, wake_at=NOW), task(command, 2, wake_at=NOW + 9 * SECOND))

    assert store.overdue_tasks(NOW + SECOND, 10) == [task(command, 1, wake_at=NOW)]


def test_claims_are_found_by_worker_and_those_of_strangers_too(store: Store) -> None:
    store.heartbeat(worker("known"))
    put(store, root(1, worker_id="known", status=Status.RUNNING))
    put(store, root(2, worker_id="stranger", status=Status.RUNNING))

    assert [one.label for one in store.claimed_by(["known"])] == ["root 1"]
    assert store.claimed_by(["nobody"]) == []
    assert store.strangers() == ["stranger"]


def test_a_worker_is_registered_renewed_and_struck_off(store: Store) -> None:
    store.heartbeat(worker("w"))
    store.heartbeat(worker("w", alive_until=NOW + timedelta(days=1)))

    (found,) = store.workers()
    assert found == worker("w", alive_until=NOW + timedelta(days=1))
    store.farewell("w")
    store.farewell("w")
    assert list(store.workers()) == []


def test_one_leads_until_its_lease_runs_out(store: Store) -> None:
    assert store.lead("scheduler", "a", 0.2)
    assert store.lead("scheduler", "a", 0.2)
    assert not store.lead("scheduler", "b", 5)
    assert store.lead("other", "b", 5)

    until(lambda: store.lead("scheduler", "b", 60), what="b leads", timeout_s=5)

    assert not store.lead("scheduler", "a", 1)


def _found(store: Store, **named: str) -> TaskEntity | None:
    given = {"system": "sys", "scope": "here", "status": TaskStatus.RUNNING} | named
    with store.begin() as tx:
        return tx.find_task(TaskReport(**given))  # type: ignore[arg-type]


def test_a_found_task_is_stored_once_while_it_is_not_cleared(store: Store) -> None:
    command = root()
    first = task(command, 1, found=True, external_id="theirs")
    put_tasks(store, first)

    with pytest.raises(ContendedError), store.begin() as tx:
        tx.insert_task(task(command, 2, found=True, external_id="theirs"))
    put_tasks(store, task(command, 3, external_id="theirs"))
    with store.begin() as tx:
        tx.save_tasks([replace(first, state=TaskState.CLEARED)])
    put_tasks(store, task(command, 4, found=True, external_id="theirs"))

    with store.begin() as tx:
        same = tx.same_tasks(first.system, first.scope, ["theirs", "nobody's"])
    assert [one.found for one in sorted(same, key=lambda one: one.created_at)] == [
        True,
        False,
        True,
    ]
