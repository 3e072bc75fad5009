"""Plans: sequences, parallels and best effort, nested at will; and the plans that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import Command, Plan, parallel, sequence
from orchestrator.core.errors import BadInputError
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.engine.tree import Limits
from orchestrator.testing import Stage
from tests.engine.acts import FAILS, Diary, Group, Step
from tests.engine.conftest import Stages


def test_a_sequence_runs_in_order(stage: Stage, diary: Diary) -> None:
    done = stage.perform(Group(name="g", shape=["seq", "a", "b", "c"]))

    assert done.status is Status.SUCCEEDED
    assert diary.notes == ["do a", "do b", "do c", "end g succeeded"]


def test_a_plan_of_one_part_is_a_sequence_of_one(stage: Stage, diary: Diary) -> None:
    done = stage.perform(Group(name="g", shape="a"))

    assert (done.status, done.parts) == (Status.SUCCEEDED, 1)


def test_the_parent_ends_after_all_that_go_side_by_side(stage: Stage, diary: Diary) -> None:
    done = stage.perform(Group(name="g", shape=["par", "a", "b", "c"]))

    assert done.status is Status.SUCCEEDED
    assert sorted(diary.notes[:3]) == ["do a", "do b", "do c"]
    assert diary.notes[3:] == ["end g succeeded"]


def test_groups_nest_to_any_depth(stage: Stage, diary: Diary) -> None:
    shape: Any = "deepest"
    for level in range(60):
        shape = ["seq" if level % 2 else "par", f"before {level}", shape]

    done = stage.perform(Group(name="g", shape=shape))

    assert done.status is Status.SUCCEEDED
    assert len(diary.notes) == 62


def test_commands_nest_in_commands(stage: Stage, diary: Diary) -> None:
    inner = ["group", "inner", ["par", "a", ["group", "innermost", "b"]]]

    done = stage.perform(Group(name="outer", shape=["seq", inner, "c"]))

    assert done.status is Status.SUCCEEDED
    ends = [one for one in diary.notes if one.startswith("end")]
    assert ends == ["end innermost succeeded", "end inner succeeded", "end outer succeeded"]
    assert diary.notes.index("do c") > diary.notes.index("end inner succeeded")


def test_a_failed_part_skips_the_rest(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", "b", "c", ["par", "d", "e"]]))

    assert done.status is Status.FAILED
    assert stage.statuses(done.command_id) == {
        "g": Status.FAILED,
        "a": Status.COMPENSATED,
        "b": Status.FAILED,
        "c": Status.SKIPPED,
        "side by side": Status.SKIPPED,
        "d": Status.SKIPPED,
        "e": Status.SKIPPED,
    }
    assert diary.notes == ["do a", "do b", "undo a", "end g failed"]


def test_a_parent_names_the_part_that_failed_and_why(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", ["par", "b", "c"]]))

    assert done.message is not None
    assert "b: it may not be" in done.message


def test_a_failure_side_by_side_waits_for_the_others(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", FAILS)

    done = stage.perform(Group(name="g", shape=["par", "a", "b", "c"]))

    assert done.status is Status.FAILED
    assert {"do b", "do c", "undo b", "undo c"} <= set(diary.notes)


@pytest.mark.parametrize("shape", [["best", "b"], ["best", ["seq", "x", "b", "y"]]])
def test_a_best_effort_part_may_fail(stage: Stage, diary: Diary, shape: Any) -> None:
    diary.trouble("do b", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", shape, "c"]))

    assert done.status is Status.SUCCEEDED
    assert stage.statuses(done.command_id)["b"] is Status.FAILED
    assert "do c" in diary.notes
    assert "undo a" not in diary.notes


def test_a_best_effort_part_at_the_end_leaves_its_parent_alone(stage: Stage, diary: Diary) -> None:
    diary.trouble("do b", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", ["best", "b"]]))

    assert done.status is Status.SUCCEEDED


def test_a_best_effort_part_that_succeeded_is_undone_like_any_other(
    stage: Stage, diary: Diary
) -> None:
    diary.trouble("do c", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", ["best", "b"], "c"]))

    assert done.status is Status.FAILED
    assert diary.notes[-3:] == ["undo b", "undo a", "end g failed"]


def test_all_parts_are_stored_before_any_runs(stage: Stage) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", ["par", "b", "c"]]))

    tree = stage.orchestrator.tree(command_id)

    assert [one.label for one in tree] == ["g", "a", "side by side", "b", "c"]


@pytest.mark.parametrize("fusion", [True, False])
def test_fusion_changes_nothing_but_messages(stages: Stages, diary: Diary, *, fusion: bool) -> None:
    stage = stages(fusion=fusion)
    diary.trouble("do d", FAILS)

    done = stage.perform(Group(name="g", shape=["seq", "a", ["par", "b", ["seq", "c", "x"]], "d"]))

    assert done.status is Status.FAILED
    undone = {"a", "b", "c", "x"}
    found = stage.statuses(done.command_id)
    assert {name for name, one in found.items() if one is Status.COMPENSATED} >= undone


class Endless(Command, kind="endless"):
    """Contains itself without end."""

    def plan(self) -> Plan:
        return sequence(Endless())


class Many(Command, kind="many"):
    """Has as many parts as it is told."""

    parts: int

    def plan(self) -> Plan:
        return parallel(Step(name=str(one)) for one in range(self.parts))


class NoPlan(Command, kind="no_plan"):
    """Returns something that is no plan."""

    def plan(self) -> Plan:
        return "nothing"  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Endless(), "nested deeper than 1000.*without end"),
        (Many(parts=1101), "the plan of many has more than 1100 parts"),
        (NoPlan(), "the plan of no_plan is 'nothing'"),
        (Step(name="x" * (1024 * 1024)), "the parameters of step take .* bytes; at most 1048576"),
        (
            Many(parts=2**70),
            "the parameters of many cannot be stored: parts: Integer exceeds 64-bit",
        ),
    ],
)
def test_an_impossible_plan_is_refused_in_one_sentence(
    stages: Stages, command: Command, says: str
) -> None:
    stage = stages(Endless, Many, NoPlan, limits=Limits(parts=1100))

    with pytest.raises(BadInputError, match=says) as problem:
        stage.submit(command)

    assert "\n" not in str(problem.value)
    assert stage.orchestrator.commands(CommandQuery(parts=True)).items == ()


def test_as_many_parts_as_allowed_are_allowed(stages: Stages) -> None:
    stage = stages(Many, limits=Limits(parts=100))

    assert stage.perform(Many(parts=100)).status is Status.SUCCEEDED
