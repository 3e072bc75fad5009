"""What chaos runs have found, each as a small story that can be played again in one thread."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.core.status import FINAL, Status
from orchestrator.testing import Stage
from tests.model.commands import KINDS, command_of
from tests.model.outside import Outside
from tests.model.plans import Node
from tests.model.world import World

LEAF = Node(name="leaf", undo="succeed")
PAIR = (Node(name="first", undo="succeed"), Node(name="second", undo="succeed"))


@pytest.fixture
def stage() -> Stage:
    return Stage(KINDS.values(), (World(), Outside()))


def test_a_plan_made_at_run_time_is_gone_on_with_by_the_same_worker(stage: Stage) -> None:
    late = Node(name="late", mode="sequence", is_dynamic=True, parts=PAIR)

    ended = stage.perform(command_of(late))

    assert ended.status is Status.SUCCEEDED


@pytest.mark.parametrize("mode", ["sequence", "parallel"])
@pytest.mark.parametrize("check", ["raise", "refuse"])
def test_a_command_whose_check_fails_has_no_parts_left_over(
    stage: Stage, mode: str, check: str
) -> None:
    inner = Node(name="inner", mode=mode, is_command=False, parts=PAIR)
    checked = Node(name="tree", mode="sequence", check=check, undo="succeed", parts=(LEAF, inner))
    root = Node(name="root", mode="sequence", parts=(LEAF, checked))

    root_id = stage.submit(command_of(root))
    stage.play()
    for _ in range(10):
        stage.turn(timedelta(minutes=5))

    found = stage.orchestrator.tree(root_id)
    assert {one.label: one.status for one in found if one.status not in FINAL} == {}
    assert [one.status for one in found if one.label == "first"] == [Status.SKIPPED]
