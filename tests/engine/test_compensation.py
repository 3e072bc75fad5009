"""Undoing: newest first, through all levels, by calls and by work outside."""

from __future__ import annotations

from orchestrator import TaskStatus
from orchestrator.core.status import Phase, Status
from orchestrator.testing import Stage
from tests.engine.acts import FAILS, POLL, Diary, Group, Outside


def test_what_was_done_is_undone_newest_first(stage: Stage, diary: Diary) -> None:
    diary.trouble("do d", FAILS)

    stage.perform(Group(name="g", shape=["seq", "a", "b", "c", "d", "e"]))

    assert diary.notes[4:] == ["undo c", "undo b", "undo a", "end g failed"]


def test_undoing_goes_through_all_levels(stage: Stage, diary: Diary) -> None:
    diary.trouble("do z", FAILS)
    shape = ["seq", "a", ["seq", "b", ["par", "c", "d"], "e"], ["seq", "f", "z"]]

    done = stage.perform(Group(name="g", shape=shape))

    undone = [one.removeprefix("undo ") for one in diary.notes if one.startswith("undo")]
    assert undone[:2] == ["f", "e"]
    assert sorted(undone[2:4]) == ["c", "d"]
    assert undone[4:] == ["b", "a"]
    assert done.status is Status.FAILED


def test_a_nested_command_that_succeeded_is_undone_as_a_whole(stage: Stage, diary: Diary) -> None:
    diary.trouble("do z", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", ["group", "inner", ["seq", "a", "b"]], "z"]))

    assert stage.statuses(done.command_id) == {
        "g": Status.FAILED,
        "inner": Status.COMPENSATED,
        "a": Status.COMPENSATED,
        "b": Status.COMPENSATED,
        "z": Status.FAILED,
    }
    assert diary.notes.count("end inner succeeded") == 1
    assert diary.notes[-3:] == ["undo b", "undo a", "end g failed"]


def test_a_part_that_failed_inside_is_undone_before_its_elders(stage: Stage, diary: Diary) -> None:
    diary.trouble("do c", FAILS)

    stage.perform(Group(name="g", shape=["seq", "a", ["group", "inner", ["seq", "b", "c"]]]))

    assert diary.notes[-4:] == ["undo b", "end inner failed", "undo a", "end g failed"]


def test_work_outside_undoes_work_outside(stage: Stage, diary: Diary, outside: Outside) -> None:
    diary.trouble("do b", FAILS)
    command_id = stage.submit(Group(name="g", shape=["seq", "a", ["work", "w"], "b"]))
    stage.play()
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(POLL)
    undoing = stage.statuses(command_id)
    assert undoing["w"] is Status.WAITING
    assert "undo a" not in diary.notes

    outside.says("undo w", TaskStatus.SUCCEEDED)
    stage.turn(POLL)

    assert stage.statuses(command_id)["w"] is Status.COMPENSATED
    assert diary.notes[-2:] == ["undo a", "end g failed"]
    assert outside.starts == ["w", "undo w"]
    stage.turn(POLL)
    assert sorted(outside.cleared) == ["undo w", "w"]


def test_an_undo_that_fails_outside_needs_attention(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    diary.trouble("do b", FAILS)
    command_id = stage.submit(Group(name="g", shape=["seq", ["work", "w"], "b"]))
    stage.play()
    outside.says("w", TaskStatus.SUCCEEDED)
    outside.says("undo w", TaskStatus.FAILED, message="no")
    stage.turn(POLL)
    stage.turn(POLL)

    stuck = stage.orchestrator.tree(command_id)[1]

    assert (stuck.status, stuck.phase) == (Status.NEEDS_ATTENTION, Phase.COMPENSATE)
    assert stage.orchestrator.get(command_id).status is Status.WAITING


def test_an_undo_that_cannot_be_done_can_be_restarted(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)
    diary.trouble("undo a", FAILS)
    command_id = stage.submit(Group(name="g", shape=["seq", "x", "a", "b"]))
    stage.play()
    stuck = stage.orchestrator.tree(command_id)[2]
    assert stuck.status is Status.NEEDS_ATTENTION

    stage.orchestrator.restart(stuck.command_id, "mended")
    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert diary.notes[-4:] == ["undo a", "undo a", "undo x", "end g failed"]


def test_an_undo_that_cannot_be_done_can_be_skipped(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)
    diary.trouble("undo a", FAILS)
    command_id = stage.submit(Group(name="g", shape=["seq", "x", "a", "b"]))
    stage.play()
    stuck = stage.orchestrator.tree(command_id)[2]

    stage.orchestrator.skip(stuck.command_id, "undone by hand")
    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert diary.notes[-2:] == ["undo x", "end g failed"]
