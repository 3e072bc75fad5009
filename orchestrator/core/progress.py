"""How far a command is: what a leaf counts for, and what a tree of them comes to."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.core.entity import CommandEntity
from orchestrator.core.status import FINAL, Status


def share_done(leaf: CommandEntity) -> float:
    """Gives how much of a command without parts is done, 0 to 1.

    What failed at best effort counts as done, for nobody waits for it any more; what was undone or
    skipped counts as nothing, so a bar that goes back shows an undoing.
    """
    if leaf.status is Status.SUCCEEDED or (leaf.best_effort and leaf.status in FINAL):
        return 1.0
    if leaf.status in (Status.COMPENSATED, Status.SKIPPED):
        return 0.0
    return leaf.progress or 0.0


def progress_of(command: CommandEntity, over_leaves: float | None) -> float | None:
    """Gives what is shown for a command; `over_leaves` is the weighted mean over its leaves."""
    if command.status is Status.SUCCEEDED:
        return 1.0
    if command.parts and (command.mode is not None or command.progress is None):
        return over_leaves
    return command.progress  # its own: a leaf's, or a vendor's word about a task with sub-tasks


def roll_up(tree: Iterable[CommandEntity]) -> dict[str, float]:
    """Gives the weighted mean over the leaves below each command with parts.

    `tree` holds each parent before its parts.
    """
    done: dict[str, float] = {}
    weight: dict[str, int] = {}
    for command in reversed(list(tree)):
        one = command.command_id
        if not command.parts:
            done[one], weight[one] = share_done(command) * command.weight, command.weight
        if command.parent_id is not None:
            parent = command.parent_id
            done[parent] = done.get(parent, 0.0) + done.get(one, 0.0)
            weight[parent] = weight.get(parent, 0) + weight.get(one, 0)
    return {one: done[one] / weight[one] for one in done if weight[one]}
