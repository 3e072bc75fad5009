"""Work outside: suspended, reported, lost, stale, stopped; vendors' tasks and parts added to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orchestrator import (
    AsyncTask,
    Command,
    Plan,
    Retry,
    TaskReport,
    TaskStatus,
    TryAgain,
    WhenSilent,
    external,
    sequence,
)
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.status import Outcome, Status, TaskState
from orchestrator.engine.tree import Limits
from orchestrator.testing import Stage
from tests.engine.acts import POLL, Diary, Group, Outside, Step, Work
from tests.engine.conftest import Stages

MINUTE = timedelta(minutes=1)


def waiting(stage: Stage, **fields: Any) -> str:
    """Has a command wait for work outside and gives its id."""
    command_id = stage.submit(Work(name="w", **fields))
    stage.play()
    assert stage.orchestrator.get(command_id).status is Status.WAITING
    return command_id


def test_a_command_that_waits_has_no_worker_and_no_timer(stage: Stage, outside: Outside) -> None:
    command = stage.orchestrator.get(waiting(stage))

    assert (command.worker_id, command.wake_at, command.pending) == (None, None, 1)


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        (TaskStatus.SUCCEEDED, Status.SUCCEEDED),
        (TaskStatus.FAILED, Status.FAILED),
        (TaskStatus.ABORTED, Status.STOPPED),
        (TaskStatus.LOST, Status.NEEDS_ATTENTION),
    ],
)
def test_a_command_comes_out_as_its_task_did(
    stage: Stage, outside: Outside, said: TaskStatus, becomes: Status
) -> None:
    command_id = waiting(stage)
    outside.says("w", said)

    stage.turn(POLL)

    command = stage.orchestrator.get(command_id)
    assert command.status is becomes
    assert command.message or becomes is Status.SUCCEEDED


def test_progress_is_shown_as_it_is_reported(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage)
    outside.says("w", TaskStatus.RUNNING, progress=0.4, message="copying")

    stage.turn(POLL)

    command = stage.orchestrator.get(command_id)
    assert (command.progress, command.message) == (0.4, "copying")


def test_what_is_said_twice_changes_nothing(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage)
    stage.report(command_id, TaskStatus.SUCCEEDED)
    before = stage.orchestrator.get(command_id)

    stage.report(command_id, TaskStatus.FAILED)

    assert stage.orchestrator.get(command_id) == before


def test_a_report_on_an_unknown_task_is_dropped(stage: Stage) -> None:
    stage.orchestrator.report(
        [TaskReport(system="outside", scope="here", external_id="?", status=TaskStatus.FAILED)]
    )


def test_an_ended_task_is_cleared_outside(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage)
    outside.says("w", TaskStatus.SUCCEEDED)

    stage.turn(POLL)
    stage.turn(POLL)

    (task,) = stage.orchestrator.tasks([command_id])
    assert task.state is TaskState.CLEARED
    assert outside.cleared == ["w"]


def test_nothing_is_concluded_from_an_outside_that_does_not_answer(
    stage: Stage, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_id = waiting(stage)

    def is_away(*_: object) -> list[TaskReport]:
        raise TryAgain("host away")

    with monkeypatch.context() as patch:
        patch.setattr(outside, "poll", is_away)
        for _ in range(5):
            stage.turn(MINUTE)
    assert stage.orchestrator.get(command_id).status is Status.WAITING
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(5 * MINUTE)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_a_lost_task_may_turn_up_again(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage, lease_s=60)
    stage.clock.turn(2 * MINUTE)
    stage.reconciler.tick()
    assert stage.orchestrator.get(command_id).status is Status.NEEDS_ATTENTION
    outside.says("w", TaskStatus.RUNNING, progress=0.5)

    stage.turn(POLL)
    assert stage.orchestrator.get(command_id).status is Status.WAITING
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_a_task_past_its_timeout_is_stopped_and_has_failed(stage: Stage, outside: Outside) -> None:
    command_id = waiting(stage, timeout_s=60)

    stage.turn(MINUTE)
    stage.turn(POLL)
    stage.turn(POLL)

    command = stage.orchestrator.get(command_id)
    assert command.status is Status.FAILED
    assert "w" in outside.stopped


def test_a_task_that_cannot_be_stopped_in_time_needs_attention(
    stage: Stage, outside: Outside
) -> None:
    outside.obeys = False
    command_id = waiting(stage, timeout_s=60)

    for _ in range(4):
        stage.turn(MINUTE)

    command = stage.orchestrator.get(command_id)
    assert command.status is Status.NEEDS_ATTENTION
    assert command.message is not None
    assert "did not end in time" in command.message


def test_every_task_has_a_timeout(stage: Stage) -> None:
    (task,) = stage.orchestrator.tasks([waiting(stage)])

    assert task.deadline is not None


class Vendors(Command, kind="vendors"):
    """A vendor's task between two of ours."""

    lease_s: float = 60
    when_silent: WhenSilent = WhenSilent.ATTENTION

    def plan(self) -> Plan:
        lease = timedelta(seconds=self.lease_s)
        clone = external("acme", "Clone it", lease=lease, when_silent=self.when_silent)
        return sequence(Step(name="a"), clone, Step(name="b"))


def vendors_task(stage: Stage, command_id: str) -> CommandEntity:
    """Gives the vendor's part."""
    return stage.orchestrator.tree(command_id)[2]


def test_a_vendors_task_is_a_part_like_any_other(stages: Stages, diary: Diary) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id)
    assert (part.status, part.label) == (Status.WAITING, "Clone it")

    stage.report(part.command_id, TaskStatus.RUNNING, progress=0.5)
    stage.report(part.command_id, TaskStatus.SUCCEEDED, result={"clone": 7})

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert stage.orchestrator.value(part.command_id) == {"clone": 7}
    assert diary.notes == ["do a", "do b"]


def test_a_silent_vendor_is_shown_as_stale(stages: Stages) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id).command_id
    stage.report(part, TaskStatus.RUNNING)
    stage.turn(timedelta(seconds=59))
    assert stage.orchestrator.get(part).status is Status.WAITING

    stage.turn(timedelta(seconds=2))

    stale = stage.orchestrator.get(part)
    assert stale.status is Status.NEEDS_ATTENTION
    assert stale.message is not None
    assert stale.message.startswith("stale: no report on 'Clone it' from acme for 60 s")


def test_nothing_is_added_deeper_than_plans_may_be() -> None:
    stage = Stage((), limits=Limits(depth=3))
    parent = stage.submit(external("acme", "Level 1"))
    for level in (2, 3):
        stage.play()
        sub = external("acme", f"Level {level}")
        parent = stage.orchestrator.attach(parent, sub, owner="acme").id
    stage.play()

    with pytest.raises(BadInputError, match="lies 3 levels deep"):
        stage.orchestrator.attach(parent, external("acme", "Level 4"), owner="acme")


def test_a_lease_runs_only_from_the_first_sign_of_life(stages: Stages) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id).command_id

    stage.turn(60 * MINUTE)
    unbegun = stage.orchestrator.get(part).status
    stage.report(part, TaskStatus.RUNNING)
    stage.turn(2 * MINUTE)

    assert (unbegun, stage.orchestrator.get(part).status) == (
        Status.WAITING,
        Status.NEEDS_ATTENTION,
    )


def test_silence_fails_a_task_that_was_declared_so(stages: Stages, diary: Diary) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors(when_silent=WhenSilent.FAIL))
    stage.play()
    stage.report(vendors_task(stage, command_id).command_id, TaskStatus.RUNNING)

    stage.turn(2 * MINUTE)

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert diary.notes == ["do a", "undo a"]


def test_a_stale_task_can_be_settled_by_an_operator(stages: Stages, diary: Diary) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id).command_id
    stage.report(part, TaskStatus.RUNNING)
    stage.turn(2 * MINUTE)

    stage.orchestrator.resolve(part, Outcome.SUCCEEDED, "the clone is there", value={"clone": 8})
    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert stage.orchestrator.value(part) == {"clone": 8}


def test_a_vendor_adds_sub_tasks_to_its_task(stages: Stages) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id).command_id
    first = stage.orchestrator.attach(part, external("acme", "Sub 1"), owner="acme").id
    stage.play()
    second = stage.orchestrator.attach(first, external("acme", "Sub 1.1"), owner="acme").id
    stage.play()

    stage.report(part, TaskStatus.SUCCEEDED)
    assert stage.orchestrator.get(part).status is Status.WAITING
    stage.report(first, TaskStatus.SUCCEEDED)
    assert stage.orchestrator.get(first).status is Status.WAITING
    stage.report(second, TaskStatus.SUCCEEDED)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert [one.label for one in stage.orchestrator.tree(part)] == ["Clone it", "Sub 1", "Sub 1.1"]


def test_a_failed_sub_task_fails_its_parent(stages: Stages) -> None:
    stage = stages(Vendors)
    command_id = stage.submit(Vendors())
    stage.play()
    part = vendors_task(stage, command_id).command_id
    sub = stage.orchestrator.attach(part, external("acme", "Sub"), owner="acme").id
    stage.play()

    stage.report(sub, TaskStatus.FAILED, message="no space")
    stage.report(part, TaskStatus.SUCCEEDED)

    assert stage.orchestrator.get(part).status is Status.FAILED
    root = stage.orchestrator.get(command_id)
    assert root.status is Status.FAILED
    assert root.message is not None
    assert "no space" in root.message


def test_a_vendor_adds_a_part_to_a_group_that_runs(stage: Stage, outside: Outside) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"], "b"]))
    stage.play()
    added = stage.orchestrator.attach(command_id, external("acme", "Beside"), owner="acme").id
    stage.play()
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(POLL)
    assert stage.orchestrator.get(command_id).status is Status.WAITING

    stage.report(added, TaskStatus.SUCCEEDED)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_nothing_is_added_to_what_does_not_wait(stage: Stage) -> None:
    done = stage.perform(Step(name="a"))

    with pytest.raises(ConflictError):
        stage.orchestrator.attach(done.command_id, external("acme", "Late"), owner="acme")
    with pytest.raises(NotFoundError):
        stage.orchestrator.attach(str(UUID(int=0)), external("acme", "Lost"), owner="acme")
    assert len(stage.orchestrator.tree(done.command_id)) == 1


class Nowhere(Command, kind="nowhere", retry=Retry(attempts=3)):
    """Returns a task for a system that there is not."""

    def execute(self) -> AsyncTask[None]:
        return AsyncTask(system="nowhere", scope="x", verb="x")


def test_a_task_for_an_unknown_system_fails_in_one_sentence(stages: Stages) -> None:
    done = stages(Nowhere).perform(Nowhere())

    assert done.status is Status.FAILED
    assert done.message == (
        "nowhere returned a task for the system 'nowhere', and there is no such adapter;"
        " there are outside, vendor"
    )
