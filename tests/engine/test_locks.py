"""Locks as commands feel them: waiting, inheritance, release, deadlock."""

from __future__ import annotations

from orchestrator import TaskStatus
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.acts import FAILS, POLL, Diary, Group, Locked, Outside


def holding(stage: Stage, name: str, thing: str) -> str:
    """Has a command hold a lock while it waits for work outside."""
    command_id = stage.submit(
        Group(name=name, shape=["work", f"work of {name}"], exclusive=(thing,))
    )
    stage.play()
    return command_id


def test_one_who_waits_says_for_which_lock_and_whom(stage: Stage) -> None:
    holder = holding(stage, "g", "x")

    blocked = stage.perform(Locked(name="a", exclusive=("x",)))

    assert blocked.status is Status.BLOCKED
    assert blocked.message == f"waits for lock thing:x held by command {holder} (group)"


def test_who_waited_goes_on_when_the_lock_is_free(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    holding(stage, "g", "x")
    first = stage.submit(Locked(name="a", exclusive=("x",)))
    second = stage.submit(Locked(name="b", exclusive=("x",)))
    stage.play()
    outside.says("work of g", TaskStatus.SUCCEEDED)

    stage.turn(POLL)

    assert stage.orchestrator.get(first).status is Status.SUCCEEDED
    assert stage.orchestrator.get(second).status is Status.SUCCEEDED
    assert diary.notes == ["end g succeeded", "do a", "do b"]
    assert stage.store.locks() == []


def test_a_failed_command_frees_its_locks_after_its_undoing(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)
    failing = stage.submit(Group(name="g", shape=["seq", "a", "b"], exclusive=("x",)))
    waiting = stage.submit(Locked(name="c", exclusive=("x",)))

    stage.play()

    assert stage.orchestrator.get(failing).status is Status.FAILED
    assert stage.orchestrator.get(waiting).status is Status.SUCCEEDED
    assert diary.notes == ["do a", "do b", "undo a", "end g failed", "do c"]


def test_parts_use_what_their_parents_hold(stage: Stage, diary: Diary) -> None:
    inner = ["seq", ["locked", "a", "x"], ["par", ["locked", "b", "x"], ["locked", "c", "y"]]]

    done = stage.perform(Group(name="g", shape=inner, exclusive=("x",)))

    assert done.status is Status.SUCCEEDED
    assert stage.store.locks() == []


def test_readers_run_side_by_side(stage: Stage) -> None:
    for name in ("a", "b"):
        stage.submit(Group(name=name, shape=["work", f"work of {name}"], shared=("x",)))
    stage.play()

    assert [row.held for row in stage.store.locks()] == [True, True]


def test_stopping_one_who_waits_takes_it_out_of_the_queue(stage: Stage, diary: Diary) -> None:
    holding(stage, "g", "x")
    blocked = stage.perform(Locked(name="a", exclusive=("x",)))

    stage.orchestrator.stop(blocked.command_id, "never mind")
    stage.play()

    assert stage.orchestrator.get(blocked.command_id).status is Status.STOPPED
    assert len(stage.store.locks()) == 1
    assert diary.notes == []


def test_a_deadlock_between_trees_is_found_and_one_fails(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    trees = [
        stage.submit(
            Group(name=name, shape=["seq", ["work", f"w {name}"], ["locked", f"in {name}", other]],
                  exclusive=(own,))
        )
        for name, own, other in (("g", "x", "y"), ("h", "y", "x"))
    ]  # fmt: skip
    stage.play()
    for name in ("w g", "w h", "undo w g", "undo w h"):
        outside.says(name, TaskStatus.SUCCEEDED)

    for _ in range(4):
        stage.turn(POLL)

    found = [stage.orchestrator.get(one) for one in trees]
    assert sorted(one.status for one in found) == [Status.FAILED, Status.SUCCEEDED]
    failed = next(one for one in found if one.status is Status.FAILED)
    assert failed.message is not None
    assert "would wait for ever for lock" in failed.message


def test_a_restarted_command_takes_its_locks_again(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", FAILS)
    failed = stage.perform(Locked(name="a", exclusive=("x",)))
    holding(stage, "g", "x")

    stage.orchestrator.restart(failed.command_id, "again")
    stage.play()

    assert stage.orchestrator.get(failed.command_id).status is Status.BLOCKED
