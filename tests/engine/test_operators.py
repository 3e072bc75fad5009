"""The operators' verbs: stop at each status, restart, skip, resolve; and what each is refused for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import Outcome, TaskStatus, TryAgain
from orchestrator.core.errors import ConflictError, NotFoundError
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.acts import (
    FAILS,
    POLL,
    Diary,
    Ended,
    Group,
    Locked,
    Outside,
    Step,
    Stubborn,
    Work,
)

HOUR = timedelta(hours=1)


def test_stopping_what_is_ready_ends_it_at_once(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Step(name="a"))

    stage.orchestrator.stop(command_id, "enough")
    stage.play()

    stopped = stage.orchestrator.get(command_id)
    assert (stopped.status, stopped.message, diary.notes) == (Status.STOPPED, "enough", [])


def test_stopping_what_sleeps_ends_it(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", TryAgain("busy", after=HOUR))
    sleeping = stage.perform(Stubborn(name="a"))
    assert sleeping.status is Status.DELAYED

    stage.orchestrator.stop(sleeping.command_id, "enough")
    stage.play()

    assert stage.orchestrator.get(sleeping.command_id).status is Status.STOPPED


def test_stopping_what_waits_outside_stops_it_there(stage: Stage, outside: Outside) -> None:
    waiting = stage.perform(Work(name="w"))

    stage.orchestrator.stop(waiting.command_id, "enough")
    assert stage.orchestrator.get(waiting.command_id).status is Status.WAITING
    stage.turn(POLL)
    stage.turn(POLL)

    assert stage.orchestrator.get(waiting.command_id).status is Status.STOPPED
    assert "w" in outside.stopped


def test_work_that_ended_before_its_stop_has_succeeded(stage: Stage, outside: Outside) -> None:
    waiting = stage.perform(Work(name="w"))
    outside.obeys = False
    stage.orchestrator.stop(waiting.command_id, "enough")
    outside.says("w", TaskStatus.SUCCEEDED)

    stage.turn(POLL)

    assert stage.orchestrator.get(waiting.command_id).status is Status.SUCCEEDED


def test_stopping_a_tree_undoes_what_was_done(stage: Stage, diary: Diary, outside: Outside) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", ["work", "w"], "b"]))
    stage.play()

    stage.orchestrator.stop(command_id, "enough", actor="alice")
    stage.turn(POLL)
    stage.turn(POLL)

    assert (
        stage.statuses(command_id)
        == {
            "g": Status.STOPPED,
            "a": Status.COMPENSATED,
            "w": Status.STOPPED,
            "b": Status.SKIPPED,
        }
        or stage.statuses(command_id)["b"] is Status.STOPPED
    )
    assert diary.notes == ["do a", "undo a", "end g stopped"]


def test_stopping_a_part_stops_its_parent(stage: Stage, diary: Diary, outside: Outside) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", ["work", "w"], "b"]))
    stage.play()
    part = stage.orchestrator.tree(command_id)[2].command_id

    stage.orchestrator.stop(part, "enough")
    stage.turn(POLL)
    stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.STOPPED
    assert "undo a" in diary.notes


def test_stopping_what_has_not_begun_spares_what_runs_before_it(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"], "b", "c"]))
    stage.play()
    later = stage.orchestrator.tree(command_id)[2].command_id

    stage.orchestrator.stop(later, "not that")
    assert stage.orchestrator.get(later).status is Status.STOPPED
    for name in ("w", "undo w"):
        outside.says(name, TaskStatus.SUCCEEDED)
    stage.turn(POLL)
    stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.STOPPED
    assert "do b" not in diary.notes


def test_stopping_what_nobody_knows_about_gives_it_up(stage: Stage, outside: Outside) -> None:
    waiting = stage.perform(Work(name="w"))
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)

    stage.orchestrator.stop(waiting.command_id, "forget it")
    stage.turn(POLL)

    assert stage.orchestrator.get(waiting.command_id).status is Status.STOPPED
    assert outside.cleared == ["w"]


@pytest.mark.parametrize("order", ["stop", "restart", "skip", "resolve"])
def test_an_order_to_what_has_succeeded_is_refused_in_one_sentence(
    stage: Stage, order: str
) -> None:
    done = stage.perform(Step(name="a"))
    door = stage.orchestrator
    orders = {
        "stop": lambda: door.stop(done.command_id),
        "restart": lambda: door.restart(done.command_id),
        "skip": lambda: door.skip(done.command_id),
        "resolve": lambda: door.resolve(done.command_id, Outcome.FAILED),
    }

    with pytest.raises(ConflictError, match=f"command {done.command_id} .step."):
        orders[order]()

    assert door.get(done.command_id) == done


def test_an_order_to_an_unknown_command_is_refused(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="there is no command"):
        stage.orchestrator.stop("12345678-1234-4234-8234-123456789abc")


def test_what_is_being_ended_is_not_stopped(stage: Stage, diary: Diary) -> None:
    diary.trouble("end a succeeded", FAILS)
    stuck = stage.perform(Ended(name="a"))

    with pytest.raises(ConflictError, match="is being ended or undone already"):
        stage.orchestrator.stop(stuck.command_id)


def test_a_restarted_root_goes_on_where_it_failed(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)
    failed = stage.perform(Group(name="g", shape=["seq", ["locked", "a"], "b", "c"]))
    assert failed.status is Status.FAILED

    stage.orchestrator.restart(failed.command_id, "mended")
    stage.play()

    assert stage.orchestrator.get(failed.command_id).status is Status.SUCCEEDED
    assert diary.notes.count("do a") == 1
    assert diary.notes[-3:] == ["do b", "do c", "end g succeeded"]


def test_a_restarted_root_does_again_what_was_undone(stage: Stage, diary: Diary) -> None:
    diary.trouble("do c", FAILS)
    failed = stage.perform(Group(name="g", shape=["seq", "a", "b", "c"]))

    stage.orchestrator.restart(failed.command_id, "mended")
    stage.play()

    assert stage.orchestrator.get(failed.command_id).status is Status.SUCCEEDED
    assert diary.notes[-4:] == ["do a", "do b", "do c", "end g succeeded"]


def test_a_restarted_parallel_does_what_is_not_done(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)
    shape = ["par", ["locked", "a"], ["locked", "b"], ["locked", "c"]]
    failed = stage.perform(Group(name="g", shape=shape))

    stage.orchestrator.restart(failed.command_id, "mended")
    stage.play()

    assert stage.orchestrator.get(failed.command_id).status is Status.SUCCEEDED
    assert [diary.notes.count(f"do {one}") for one in "abc"] == [1, 2, 1]


def test_a_stopped_root_can_be_restarted(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Step(name="a"))
    stage.orchestrator.stop(command_id, "wait")

    stage.orchestrator.restart(command_id, "go")
    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_only_roots_are_begun_anew(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", FAILS)
    failed = stage.perform(Group(name="g", shape=["seq", "a"]))
    part = stage.orchestrator.tree(failed.command_id)[1].command_id

    with pytest.raises(ConflictError, match=f"is a part of {failed.command_id}; restart that"):
        stage.orchestrator.restart(part)


def test_a_restarted_lost_task_is_started_anew(stage: Stage, outside: Outside) -> None:
    lost = stage.perform(Work(name="w"))
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)
    assert stage.orchestrator.get(lost.command_id).status is Status.NEEDS_ATTENTION
    outside.says("w", TaskStatus.RUNNING)

    stage.orchestrator.restart(lost.command_id, "host is back")
    stage.play()

    assert stage.orchestrator.get(lost.command_id).status is Status.WAITING
    assert outside.starts == ["w", "w"]


def test_a_skipped_part_lets_the_next_go_on(stage: Stage, diary: Diary, outside: Outside) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"], "b"]))
    stage.play()
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)
    part = stage.orchestrator.tree(command_id)[1].command_id

    stage.orchestrator.skip(part, "done by hand")
    stage.play()

    assert stage.orchestrator.get(part).status is Status.SKIPPED
    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert diary.notes == ["do b", "end g succeeded"]


def test_a_part_skipped_before_its_turn_is_left_out(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"], "b", "c"]))
    stage.play()
    stage.orchestrator.skip(stage.orchestrator.tree(command_id)[2].command_id, "not needed")
    outside.says("w", TaskStatus.SUCCEEDED)

    stage.turn(POLL)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert diary.notes == ["do c", "end g succeeded"]


def test_skipping_one_that_waits_for_a_lock_frees_its_place(stage: Stage, diary: Diary) -> None:
    stage.submit(Group(name="g", shape=["work", "w"], exclusive=("x",)))
    stage.play()
    blocked = stage.perform(Locked(name="a", exclusive=("x",)))

    stage.orchestrator.skip(blocked.command_id, "not needed")
    stage.play()

    assert stage.orchestrator.get(blocked.command_id).status is Status.SKIPPED
    assert len(stage.store.locks()) == 1


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [
        (Outcome.SUCCEEDED, Status.SUCCEEDED),
        (Outcome.FAILED, Status.FAILED),
        (Outcome.STOPPED, Status.STOPPED),
    ],
)
def test_an_operator_says_how_a_lost_task_came_out(
    stage: Stage, diary: Diary, outside: Outside, outcome: Outcome, becomes: Status
) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", ["work", "w"]]))
    stage.play()
    outside.says("w", TaskStatus.LOST)
    stage.turn(POLL)

    part = stage.orchestrator.tree(command_id)[2].command_id
    stage.orchestrator.resolve(part, outcome, "I looked")
    stage.play()

    assert stage.orchestrator.get(command_id).status is becomes
    assert diary.notes[-1] == f"end g {outcome}"
    assert ("undo a" in diary.notes) == (outcome is not Outcome.SUCCEEDED)
