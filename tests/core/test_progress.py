"""How far a tree is: what was planned is the scale."""

from __future__ import annotations

from typing import Any

from orchestrator.core.entity import CommandEntity
from orchestrator.core.progress import roll_up
from orchestrator.core.status import Mode, Status


def row(name: str, parent: str | None, **more: Any) -> CommandEntity:
    bare = CommandEntity(
        command_id=name, root_id="root", parent_id=parent, kind="x", version=1, label=name
    )
    return bare._replace(**more)


ROOT = row("root", None, mode=Mode.SEQUENCE, parts=2)
DONE = row("done", "root", status=Status.SUCCEEDED)
TASK = row("task", "root", progress=0.5, order=1)


def test_a_plan_does_not_fall_when_a_part_is_added_to_it() -> None:
    before = roll_up([ROOT, DONE, TASK])

    after = roll_up([ROOT._replace(parts=3), DONE, TASK, row("late", "root", order=-1)])

    assert before["root"] == after["root"] == 0.75


def test_a_plan_does_not_fall_when_a_sub_task_is_added_to_a_task_in_it() -> None:
    grown = TASK._replace(parts=1)

    after = roll_up([ROOT, DONE, grown, row("sub", "task", order=-1, weight=1000)])

    assert (after["root"], after["task"]) == (0.75, 0.0)


def test_a_task_with_nothing_but_sub_tasks_is_as_far_as_they_are() -> None:
    task = row("root", None, parts=2)
    subs = [row("a", "root", order=-1, status=Status.SUCCEEDED), row("b", "root", order=-1)]

    assert roll_up([task, *subs])["root"] == 0.5
