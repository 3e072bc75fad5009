"""What is being stopped or is late ends, or comes to a person: no verb is asked for ever, no part is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import AsyncTask, Command, Outcome, Plan, TaskStatus, TryAgain, sequence
from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.status import Phase, Status
from orchestrator.engine.writer import Request
from orchestrator.testing import Stage
from tests.engine.acts import POLL, Diary, Ended, Group, Outside, Step, Work

MINUTE = timedelta(minutes=1)
WAIT = timedelta(seconds=20)
NOT_YET = [TryAgain("not yet", after=timedelta(seconds=5))] * 10_000


class Undoer(Command, kind="stopping.undoer", label="undoer"):
    """Is undone by work outside."""

    def execute(self, diary: Diary) -> None:
        diary.write("do undoer")

    def compensate(self) -> AsyncTask[None]:
        return AsyncTask(system="outside", scope="here", verb="work", request={"name": "undo"})


class Undone(Command, kind="stopping.undone", label="undone"):
    """Its first part is undone by work outside."""

    def plan(self) -> Plan:
        return sequence(Undoer(), Work(name="w"))


@pytest.fixture
def outside() -> Outside:
    """The outside system."""
    return Outside()


@pytest.fixture
def diary() -> Diary:
    """What was called."""
    return Diary()


@pytest.fixture
def stage(outside: Outside, diary: Diary) -> Stage:
    """A stage with commands that are slow to end."""
    return Stage([Ended, Step, Work, Group, Undoer, Undone], (outside, diary))


def part(stage: Stage, root: str, label: str) -> CommandEntity:
    """Gives a part by its label."""
    return next(one for one in stage.orchestrator.tree(root) if one.label == label)


def wait_for_attention(stage: Stage, root: str, label: str) -> CommandEntity:
    """Lets time pass until the part needs attention."""
    for _ in range(200):
        if part(stage, root, label).status is Status.NEEDS_ATTENTION:
            break
        stage.turn(WAIT)
    return part(stage, root, label)


def test_an_end_that_always_says_not_yet_needs_attention_once_it_is_late(
    stage: Stage, diary: Diary
) -> None:
    diary.trouble("end a succeeded", *NOT_YET)
    root = stage.submit(Ended(name="a"), deadline=MINUTE)
    stage.play()

    stuck = wait_for_attention(stage, root, "a")

    assert (stuck.status, stuck.phase) == (Status.NEEDS_ATTENTION, Phase.END)
    assert "how its end comes out is unknown: not yet" in (stuck.message or "")
    assert diary.notes.count("end a succeeded") < 100


def test_an_end_that_nobody_is_late_for_is_asked_as_long_as_it_takes(
    stage: Stage, diary: Diary
) -> None:
    diary.trouble("end a succeeded", *NOT_YET[:150])
    root = stage.submit(Ended(name="a"))
    stage.play()

    for _ in range(200):
        stage.turn(WAIT)

    assert stage.orchestrator.get(root).status is Status.SUCCEEDED


@pytest.mark.parametrize("by", ["stop", "deadline"])
def test_an_undo_that_always_says_not_yet_needs_attention_in_a_tree_that_is_stopped(
    stage: Stage, diary: Diary, by: str
) -> None:
    diary.trouble("undo a", *NOT_YET)
    shape = ["seq", ["ended", "a"], ["ended", "b"], ["work", "w"]]
    root = stage.submit(Group(name="g", shape=shape), deadline=MINUTE if by == "deadline" else None)
    stage.play()
    if by == "stop":
        stage.orchestrator.stop(root, "enough")

    stuck = wait_for_attention(stage, root, "a")

    assert (stuck.status, stuck.phase) == (Status.NEEDS_ATTENTION, Phase.COMPENSATE)
    assert "undo b" in diary.notes
    assert stage.orchestrator.get(root).status is Status.WAITING  # never a silent success
    stage.orchestrator.resolve(stuck.command_id, Outcome.SUCCEEDED, "undone by hand")
    stage.play()
    assert stage.orchestrator.get(root).status.is_final


def test_a_deadline_that_passes_while_parts_are_undone_bounds_the_undo(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    diary.trouble("undo a", *NOT_YET)
    root = stage.submit(
        Group(name="g", shape=["seq", ["ended", "a"], ["work", "w"]]), deadline=5 * MINUTE
    )
    stage.play()
    outside.says("w", TaskStatus.FAILED)
    stage.turn(POLL)
    assert part(stage, root, "a").phase is Phase.COMPENSATE

    stuck = wait_for_attention(stage, root, "a")

    assert (stuck.status, stuck.stopping) == (Status.NEEDS_ATTENTION, Outcome.FAILED)


def test_an_undo_outside_that_cannot_be_started_needs_attention(
    stage: Stage, outside: Outside
) -> None:
    outside.troubles["undo"] = list(NOT_YET)
    root = stage.submit(Undone())
    stage.play()
    stage.orchestrator.stop(root, "enough")

    stuck = wait_for_attention(stage, root, "undoer")

    assert (stuck.status, stuck.phase, stuck.pending) == (
        Status.NEEDS_ATTENTION, Phase.COMPENSATE, 0,
    )  # fmt: skip
    outside.troubles["undo"].clear()
    stage.orchestrator.restart(stuck.command_id, "the host is back")
    stage.turn(POLL)
    outside.says("undo", TaskStatus.SUCCEEDED)
    stage.turn(POLL)
    assert stage.orchestrator.get(root).status is Status.STOPPED


def test_the_timeout_of_an_undo_counts_before_it_is_started(stage: Stage, outside: Outside) -> None:
    outside.troubles["undo"] = list(NOT_YET)
    root = stage.submit(Undone())
    stage.play()
    outside.says("w", TaskStatus.FAILED)  # nobody stopped it, and it has no deadline
    stage.turn(POLL)
    assert part(stage, root, "undoer").phase is Phase.START_COMPENSATE

    stage.turn(timedelta(days=2))  # a task's timeout is a day where nobody says
    stuck = wait_for_attention(stage, root, "undoer")

    assert stuck.status is Status.NEEDS_ATTENTION


@pytest.mark.parametrize("by", ["stop", "deadline"])
def test_a_lost_part_stays_unknown_when_its_tree_is_stopped_or_late(
    stage: Stage, outside: Outside, by: str
) -> None:
    shape = ["par", ["work", "w"], ["work", "v"]]
    root = stage.submit(Group(name="g", shape=shape), deadline=MINUTE if by == "deadline" else None)
    stage.play()
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)
    if by == "stop":
        stage.orchestrator.stop(root, "enough")

    for _ in range(10):
        stage.turn(WAIT)

    lost = part(stage, root, "w")
    assert (lost.status, lost.stopping is not None) == (Status.NEEDS_ATTENTION, True)
    assert part(stage, root, "v").status.is_final
    assert not stage.orchestrator.get(root).status.is_final
    with pytest.raises(ConflictError, match="which is being stopped, so it is not begun again"):
        stage.orchestrator.restart(lost.command_id, "once more")
    stage.orchestrator.resolve(lost.command_id, Outcome.SUCCEEDED, "it had been done")
    outside.says("undo w", TaskStatus.SUCCEEDED)
    stage.turn(POLL)
    stage.turn(POLL)
    assert stage.orchestrator.get(root).status is (
        Status.STOPPED if by == "stop" else Status.FAILED
    )


def test_a_late_root_that_nobody_knows_about_stays_so(stage: Stage, outside: Outside) -> None:
    root = stage.submit(Work(name="w"), deadline=MINUTE)
    stage.play()
    outside.says("w", TaskStatus.LOST)
    for _ in range(10):
        stage.turn(WAIT)

    stuck = stage.orchestrator.get(root)
    assert stuck.status is Status.NEEDS_ATTENTION
    assert "its deadline has passed" in (stuck.message or "")
    orders = [one for one in stage.store.history(root) if "Stop" in one.causes]
    assert len(orders) == 1  # it is told once, not at each tick


def test_a_verb_that_hangs_is_resolved_once_it_was_told_to_stop(stage: Stage, diary: Diary) -> None:
    root = stage.submit(Group(name="g", shape=["seq", "a", "b"]))
    first = part(stage, root, "a").command_id
    kinds = frozenset(stage.catalog.kinds)
    claimed = stage.writer.write(Request(first, worker_id="stage", kinds=kinds)).claimed
    assert claimed is not None
    with pytest.raises(ConflictError, match="stop it first, and resolve it should its verb not"):
        stage.orchestrator.resolve(first, Outcome.FAILED, "it hangs")

    stage.orchestrator.stop(root, "enough")
    stage.play()
    assert stage.orchestrator.get(first).status is Status.RUNNING
    stage.orchestrator.resolve(first, Outcome.FAILED, "nothing was done there")
    stage.play()

    assert stage.orchestrator.get(root).status is Status.STOPPED
    late = stage.writer.write(Request(first, ev.Done(claimed.command.attempt)))
    assert not late.accepted


def test_a_part_that_missed_the_stop_is_stopped_at_the_next_look(stage: Stage) -> None:
    root = stage.submit(Group(name="g", shape=["seq", ["work", "w"]]))
    stage.play()
    top = stage.orchestrator.get(root)
    with stage.store.begin() as tx:  # as an older version left it
        tx.save(
            [top._replace(stopping=Outcome.STOPPED, message="enough", revision=top.revision + 1)]
        )

    for _ in range(5):
        stage.turn(WAIT)

    assert part(stage, root, "w").status is Status.STOPPED
    assert stage.orchestrator.get(root).status is Status.STOPPED


def test_what_lost_its_wake_up_in_a_tree_that_is_stopped_is_woken(
    stage: Stage, diary: Diary
) -> None:
    diary.trouble("undo a", *NOT_YET[:1])
    root = stage.submit(Group(name="g", shape=["seq", ["ended", "a"], ["work", "w"]]))
    stage.play()
    stage.orchestrator.stop(root, "enough")
    stage.turn(POLL)
    stage.turn(POLL)
    asleep = part(stage, root, "a")
    assert (asleep.status, asleep.phase) == (Status.DELAYED, Phase.COMPENSATE)
    with stage.store.begin() as tx:
        tx.save([asleep._replace(wake_at=None, revision=asleep.revision + 1)])

    for _ in range(5):
        stage.turn(WAIT)

    assert stage.orchestrator.get(root).status is Status.STOPPED


def test_a_stop_waits_for_parts_that_were_added_to_what_is_begun_again(
    stage: Stage, outside: Outside
) -> None:
    root = stage.submit(Work(name="w"))
    stage.play()
    late = stage.orchestrator.attach(root, Work(name="late"), owner="acme")
    stage.play()
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)
    with stage.store.begin() as tx:  # it is begun again, and sleeps until it may
        lost = stage.orchestrator.get(root)
        tx.save([
            lost._replace(status=Status.DELAYED, pending=1, wake_at=stage.clock.now() + MINUTE,
                          revision=lost.revision + 1)
        ])  # fmt: skip

    stage.orchestrator.stop(root, "enough")
    assert stage.orchestrator.get(root).status is Status.WAITING
    for _ in range(5):
        stage.turn(WAIT)

    assert stage.orchestrator.get(late.id).status is Status.STOPPED
    assert stage.orchestrator.get(root).status is Status.STOPPED
