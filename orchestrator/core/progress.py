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


def note_on(command: CommandEntity) -> str | None:
    """Says in words where what is shown may fall without an undoing: it is a mean that gets wider."""
    if command.mode is not None or not command.parts or command.progress is not None:
        return None
    if command.status in FINAL:
        return None
    return f"mean of its {command.parts} sub-tasks so far; falls when one is added"


def roll_up(tree: Iterable[CommandEntity]) -> dict[str, float]:
    """Gives the weighted mean below each command with parts.

    What was planned is the scale: parts that were added later count only where nothing was planned, and a task
    outside counts by its own word, whatever was added below it. So no bar of a plan falls because somebody adds
    to it. `tree` holds each parent before its parts.
    """
    planned: dict[str, tuple[float, int]] = {}
    added: dict[str, tuple[float, int]] = {}
    for command in reversed(list(tree)):
        one = command.command_id
        own = (share_done(command) * command.weight, command.weight)
        counts = own if command.mode is None else planned.get(one) or added.get(one) or own
        if command.parent_id is not None:
            among = added if command.order < 0 else planned
            done, weight = among.get(command.parent_id, (0.0, 0))
            among[command.parent_id] = (done + counts[0], weight + counts[1])
    return {one: done / weight for one, (done, weight) in {**added, **planned}.items() if weight}
