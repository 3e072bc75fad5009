"""Which of the operators' verbs the present state of a command allows."""

from __future__ import annotations

from orchestrator.core.entity import CommandEntity
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.status import Phase, Status

UNSTOPPABLE = (Phase.END, Phase.COMPENSATE, Phase.START_COMPENSATE, Phase.UNDO_PARTS)
SKIPPABLE = (Status.PENDING, Status.BLOCKED, Status.READY, Status.DELAYED, Status.NEEDS_ATTENTION)
ENDED_BADLY = (Status.FAILED, Status.STOPPED)


def actions(command: CommandEntity) -> list[str]:
    """Gives the verbs that would not be answered with a conflict now.

    A test holds this beside what the engine really does in every status and phase.
    """
    if command.unreadable is not None:
        return []
    needs_attention = command.status is Status.NEEDS_ATTENTION
    allowed = {
        "stop": not command.status.is_final and command.phase not in UNSTOPPABLE,
        "restart": command.kind != OUTSIDE_KIND
        and (needs_attention or (command.is_root and command.status in ENDED_BADLY)),
        "skip": command.status in SKIPPABLE,
        "clear": command.kind == OUTSIDE_KIND and command.status.is_final,
        "resolve": needs_attention or _may_hang(command),
    }
    return [verb for verb, is_allowed in allowed.items() if is_allowed]


def refusals(command: CommandEntity) -> dict[str, str]:
    """Gives for each of the other verbs why it would be refused now."""
    offered = actions(command)
    words = {
        "stop": _why_not_stop(command),
        "restart": _why_not_restart(command),
        "skip": "only what has not begun, or needs attention, can be skipped",
        "clear": "only the ended task of somebody else, found outside, can be cleared",
        "resolve": "only what needs attention, or does not come back after a stop, can be resolved",
    }
    if command.unreadable is not None:
        words = dict.fromkeys(words, "its row cannot be read")
    return {verb: why for verb, why in words.items() if verb not in offered}


def _why_not_stop(command: CommandEntity) -> str:
    if command.status.is_final:
        return f"it has ended ({command.status.value})"
    return "it is being ended or undone already"


def _why_not_restart(command: CommandEntity) -> str:
    if command.kind == OUTSIDE_KIND:
        return "it was begun outside; begin it again where it was begun, and it is found again"
    if not command.is_root and command.status in ENDED_BADLY:
        return "it is a part; restart the whole command, which goes on where it failed"
    return "only what failed, was stopped or needs attention can be restarted"


def _may_hang(command: CommandEntity) -> bool:
    """Tells whether it has been told to stop, or cannot be, while a worker is in its verb."""
    unwanted = command.stopping is not None or command.phase in UNSTOPPABLE
    return command.status is Status.RUNNING and unwanted
