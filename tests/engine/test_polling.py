"""How outside systems are polled: nothing is read that did not change, nothing written that is not new."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator import (
    AsyncTaskRef,
    Command,
    Plan,
    TaskReport,
    TaskStatus,
    external,
    sequence,
)
from orchestrator.core.entity import TaskEntity
from orchestrator.core.status import Status
from orchestrator.engine.open_tasks import OpenTasks
from orchestrator.engine.poll import READ_ALL_EVERY
from orchestrator.testing import Stage
from tests.engine.acts import POLL, Group, Outside, Work
from tests.engine.conftest import Stages


@pytest.fixture
def handed(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> list[Collection[AsyncTaskRef]]:
    """What the outside system was handed at each poll."""
    seen: list[Collection[AsyncTaskRef]] = []
    poll = outside.poll

    def watched(scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        seen.append(tasks)
        return poll(scope, tasks)

    monkeypatch.setattr(outside, "poll", watched)
    return seen


def waiting(stage: Stage, name: str = "w", **fields: Any) -> str:
    """Has a command wait for work outside and gives its id."""
    command_id = stage.submit(Work(name=name, **fields))
    stage.play()
    return command_id


def task_of(stage: Stage, command_id: str) -> TaskEntity:
    """Gives the async task of a command."""
    (task,) = stage.orchestrator.tasks([command_id])
    return task


def test_all_tasks_of_a_scope_are_asked_for_at_once(
    stage: Stage, handed: list[Collection[AsyncTaskRef]]
) -> None:
    for name in "abc":
        waiting(stage, name)
    stage.turn(POLL)
    handed.clear()

    stage.turn(POLL)

    (refs,) = handed
    assert [one.request["name"] for one in refs] == ["a", "b", "c"]


def test_a_poll_without_changes_reads_and_writes_nothing(
    stage: Stage, handed: list[Collection[AsyncTaskRef]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(stage)
    stage.turn(POLL)

    with monkeypatch.context() as patch:
        for name in ("begin", "open_tasks", "scopes", "get_all", "tasks"):
            patch.setattr(stage.store, name, None)
        for _ in range(3):
            stage.clock.turn(POLL)
            stage.poller.tick()

    assert handed[-1] is handed[-2]


def test_what_is_left_out_of_a_report_is_no_news(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage)
    outside.says("w", TaskStatus.RUNNING, progress=0.4)
    stage.turn(POLL)
    outside.says("w", TaskStatus.RUNNING)
    before = stage.store.changed_tasks(None)[1]

    stage.turn(POLL)

    assert stage.store.changed_tasks(before)[1] == before
    assert task_of(stage, command_id).progress == 0.4


def test_a_task_that_says_the_same_again_is_not_silent(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage, lease_s=60)

    for _ in range(100):
        stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.WAITING


def test_a_lease_is_not_renewed_at_each_poll(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage, lease_s=60)
    stage.turn(POLL)
    before = task_of(stage, command_id)

    for _ in range(5):
        stage.turn(POLL)

    assert task_of(stage, command_id) == before


def test_a_task_near_its_deadline_is_not_written_at_each_poll(
    stage: Stage, outside: Outside
) -> None:
    command_id = waiting(stage, lease_s=60, timeout_s=90)
    stage.turn(timedelta(seconds=55))
    before = task_of(stage, command_id)

    for _ in range(5):
        stage.turn(POLL)

    assert before.wake_at == before.deadline
    assert task_of(stage, command_id) == before


def test_what_somebody_else_reports_is_taken_into_account(
    stage: Stage, handed: list[Collection[AsyncTaskRef]]
) -> None:
    first, _ = waiting(stage, "a"), waiting(stage, "b")
    stage.turn(POLL)

    stage.report(first, TaskStatus.SUCCEEDED)
    stage.turn(POLL)

    assert [one.request["name"] for one in handed[-1]] == ["b"]


def test_another_scheduler_goes_on_with_what_is_stored(stages: Stages, outside: Outside) -> None:
    command_id = waiting(stages())
    outside.says("w", TaskStatus.SUCCEEDED)

    other = stages()
    other.turn(POLL)

    assert other.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_tasks_that_vanished_from_the_store_are_forgotten(
    stage: Stage, handed: list[Collection[AsyncTaskRef]]
) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"]]))
    stage.play()
    with stage.store.begin() as tx:
        tx.drop_parts(command_id)

    stage.turn(READ_ALL_EVERY)
    handed.clear()
    stage.turn(POLL)

    assert handed == []


def test_nothing_is_missed_when_the_store_did_not_answer(
    stage: Stage, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away(since: int | None) -> None:
        raise ConnectionError("away")

    waiting(stage, "a")
    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "changed_tasks", is_away)
        stage.clock.turn(POLL)
        with pytest.raises(ConnectionError):
            stage.poller.tick()
    command_id = waiting(stage, "b")
    outside.says("b", TaskStatus.SUCCEEDED)

    stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


class Cloned(Command, kind="cloned"):
    """Is a vendor's work."""

    def plan(self) -> Plan:
        return sequence(external("acme", "Clone it"))


def test_vendors_tasks_are_neither_polled_nor_read(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Cloned)
    stage.submit(Cloned())
    stage.play()
    polls = stage.poller.polls

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "open_tasks", None)
        for _ in range(3):
            stage.clock.turn(POLL)
            stage.poller.tick()

    assert stage.poller.polls == polls


def test_a_stop_is_seen_although_nothing_else_changes(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage)
    stage.turn(POLL)

    stage.orchestrator.stop(command_id, "enough")
    stage.turn(POLL)

    assert outside.stopped == ["w"]


def test_a_report_that_cannot_be_taken_keeps_no_other_from_being_taken(
    stage: Stage, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [waiting(stage, name) for name in "abc"]
    poll = outside.poll

    def with_a_bad_one(scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        for one in poll(scope, tasks):
            bad = one.task_id == task_of(stage, ids[1]).task_id
            half = one._replace(progress=0.5)
            yield half._replace(status="odd") if bad else half  # type: ignore[arg-type]

    monkeypatch.setattr(outside, "poll", with_a_bad_one)
    with capture_logs() as lines:
        stage.turn(POLL)

    assert [task_of(stage, one).progress for one in ids] == [0.5, None, 0.5]
    assert "report_not_taken" in {one["event"] for one in lines}


def test_a_row_that_cannot_be_read_stops_its_own_scope_only(
    stage: Stage, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(stage, "a")
    store = stage.store
    there = ("outside", task_of(stage, waiting(stage, "b")).scope)
    monkeypatch.setattr(store, "scopes", lambda: [("outside", "broken"), there])
    open_tasks = store.open_tasks

    def unreadable(system: str, scope: str, *, to_tend: bool = False) -> list[TaskEntity]:
        if scope == "broken":
            raise ValueError("'paused' is not a status")
        return open_tasks(system, scope, to_tend=to_tend)

    monkeypatch.setattr(store, "open_tasks", unreadable)
    known = OpenTasks(store, polled={"outside"}, pushed=set())
    with capture_logs() as lines:
        known.look()

    assert [one.scope for one in known.scopes()] == [there[1]]
    assert "scope_not_read" in {one["event"] for one in lines}
