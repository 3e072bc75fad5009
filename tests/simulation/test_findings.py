"""What the simulation has found wrong, each told again as a small story that needs no luck."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.core import event as ev
from orchestrator.core.asynctask import AsyncTaskRef, TaskReport, TaskStatus
from orchestrator.core.errors import ConflictError, UnavailableError
from orchestrator.core.status import Status, TaskState
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Claimed, Request
from orchestrator.testing import Stage, StageClock
from tests.model.checker import check
from tests.model.commands import KINDS, command_of
from tests.model.outside import Outside
from tests.model.plans import Node
from tests.model.world import World
from tests.simulation.embedded import Shelf


@pytest.fixture
def outside() -> Outside:
    """The outside system."""
    return Outside()


@pytest.fixture
def stage(outside: Outside) -> Stage:
    """A stage with the scripted commands."""
    stage = Stage(KINDS.values(), (World(), outside))
    outside.time = lambda: stage.clock.now().timestamp()
    return stage


def group(*parts: Node, **script: object) -> Node:
    """Gives a command whose parts follow each other."""
    return Node(name="top", mode="sequence", parts=parts, **script)  # type: ignore[arg-type]


def leaf(name: str, **script: object) -> Node:
    """Gives a part that does as its script says."""
    return Node(name=name, **script)  # type: ignore[arg-type]


def play_out(stage: Stage, plan: Node) -> str:
    """Plays a plan to its end, over all its waits, and checks what it leaves behind."""
    root = stage.submit(command_of(plan))
    stage.play()
    for _ in range(20):
        stage.turn(timedelta(seconds=5))
    assert check(stage.store, roots=[root]) == []
    return root


def claim(stage: Stage, command_id: str) -> Claimed:
    """Takes a command for the stage's worker, and leaves it there."""
    wanted = Request(command_id, worker_id="stage", kinds=frozenset(stage.catalog.kinds))
    claimed = stage.writer.write(wanted).claimed
    assert claimed is not None
    return claimed


@pytest.mark.parametrize("check_does", ["refuse", "raise"])
def test_parts_that_were_never_opened_are_skipped(stage: Stage, check_does: str) -> None:
    root = play_out(stage, group(leaf("a"), leaf("b"), check=check_does))

    assert stage.statuses(root) == {
        "top": Status.FAILED,
        "a": Status.SKIPPED,
        "b": Status.SKIPPED,
    }


def test_a_stop_before_the_parts_are_opened_skips_them(stage: Stage) -> None:
    root = stage.submit(command_of(group(leaf("a", undo="succeed"), check="flaky", times=1)))
    stage.play()  # validate has failed once, and sleeps until it is called again

    stage.orchestrator.stop(root, "changed my mind")
    stage.play()

    assert stage.statuses(root) == {"top": Status.STOPPED, "a": Status.SKIPPED}


def test_a_worker_that_lost_its_claim_stores_no_parts(stage: Stage) -> None:
    root = stage.submit(command_of(group(leaf("a"), is_dynamic=True)))
    zombie = stage.runner.caller.call(claim(stage, root), continued=False)
    stage.writer.write(Request(root, ev.Abandoned("stage")))
    stage.inbox.nudges.append(root)
    stage.play()

    stage.writer.write(zombie)

    assert not zombie.accepted
    assert [one.label for one in stage.orchestrator.tree(root)] == ["top", "a"]
    assert check(stage.store, roots=[root]) == []


def test_a_zombie_that_trusts_what_it_saw_is_only_fenced(stage: Stage) -> None:
    late = Node(name="b", mode="sequence", parts=(leaf("c"),))
    root = stage.submit(command_of(group(leaf("a"), late)))
    first = stage.orchestrator.tree(root)[1]
    claimed = claim(stage, first.command_id)
    zombie = stage.runner.caller.call(claimed, continued=False)
    zombie.seen, zombie.near = claimed.command, (claimed.command.next_id or "",)
    stage.writer.write(Request(first.command_id, ev.Failed(1, "ran past its timeout")))

    stage.writer.write(zombie)

    assert not zombie.accepted
    assert stage.orchestrator.get(root).status is Status.FAILED
    assert check(stage.store, roots=[root]) == []


def test_a_task_is_stored_once_when_the_answer_of_the_commit_was_lost(stage: Stage) -> None:
    root = stage.submit(command_of(leaf("a", does="task", seconds=1.0)))
    request = stage.runner.caller.call(claim(stage, root), continued=False)
    stage.writer.write(request)

    again = stage.writer.write(Request(root, request.event))

    assert not again.accepted
    assert len(stage.orchestrator.tasks([root])) == 1


def test_a_part_added_later_that_fails_stops_the_sequence(stage: Stage) -> None:
    root = stage.submit(command_of(group(leaf("a", does="task", seconds=20.0), leaf("b"))))
    stage.play()
    late = stage.orchestrator.attach(root, command_of(leaf("late", does="refuse")), owner="acme")

    for _ in range(20):
        stage.turn(timedelta(seconds=5))

    assert stage.orchestrator.get(late.id).order < 0
    assert stage.statuses(root)["a"] is Status.SUCCEEDED  # what was under way is waited for
    assert stage.statuses(root)["b"] is Status.SKIPPED  # what came after it is not begun
    assert stage.statuses(root)["top"] is Status.FAILED
    assert check(stage.store, roots=[root]) == []


def test_a_command_is_not_skipped_while_parts_of_it_run(stage: Stage) -> None:
    root = stage.submit(command_of(group(leaf("a", does="vendor_quiet"), leaf("b"))))
    stage.play()
    first = stage.orchestrator.tree(root)[1].command_id
    stage.report(first, TaskStatus.RUNNING)
    late = leaf("late", does="task", seconds=20.0)
    part = stage.orchestrator.attach(first, command_of(late), owner="acme")
    stage.turn(timedelta(seconds=6))  # the vendor's lease is over: nobody knows how it fares
    assert stage.orchestrator.get(first).status is Status.NEEDS_ATTENTION

    with pytest.raises(ConflictError, match="parts of it are under way"):
        stage.orchestrator.skip(first, "never mind")

    stage.turn(timedelta(seconds=20))
    assert stage.orchestrator.get(part.id).status is Status.SUCCEEDED
    stage.orchestrator.skip(first, "never mind")
    stage.play()
    assert stage.statuses(root)["b"] is Status.SUCCEEDED


def test_a_silent_task_that_counts_as_failed_is_cleared(stage: Stage) -> None:
    root = play_out(stage, leaf("a", does="vendor_silent"))

    assert stage.statuses(root) == {"a": Status.FAILED}
    assert [one.state for one in stage.orchestrator.tasks([root])] == [TaskState.CLEARED]


def test_a_poll_that_finds_no_database_says_so_to_the_scheduler(
    stage: Stage, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poll(scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        raise UnavailableError("the database is away")

    stage.submit(command_of(leaf("a", does="task", seconds=1.0)))
    stage.play()
    monkeypatch.setattr(outside, "poll", poll)

    with pytest.raises(UnavailableError):
        stage.turn(timedelta(seconds=5))


@pytest.mark.parametrize("result", ["text", "null", "", True, 0, 1.5, None, [1], {"a": "b"}])
def test_a_task_may_result_in_any_json(tmp_path: Path, result: object) -> None:
    shelf = Shelf(tmp_path)
    clock = StageClock()
    stage = Stage(KINDS.values(), (World(), Outside()), store=shelf.store(clock.now))
    root = stage.submit(command_of(leaf("a", does="task", seconds=1e9)))
    stage.play()
    (task,) = stage.orchestrator.tasks([root])

    def save(unit: UnitOfWork) -> None:
        unit.tx.save_tasks((replace(task, result=result),))

    stage.writer.write(Request("", work=save))

    (found,) = stage.orchestrator.tasks([root])
    assert (found.result, type(found.result)) == (result, type(result))
    stage.store.close()  # type: ignore[attr-defined]
