"""Which of the operators' verbs the present state of a command allows."""

from __future__ import annotations

from orchestrator.core.entity import CommandEntity
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
        "restart": needs_attention or (command.is_root and command.status in ENDED_BADLY),
        "skip": command.status in SKIPPABLE,
        "resolve": needs_attention or _may_hang(command),
    }
    return [verb for verb, is_allowed in allowed.items() if is_allowed]


def _may_hang(command: CommandEntity) -> bool:
    """Tells whether it has been told to stop, or cannot be, while a worker is in its verb."""
    unwanted = command.stopping is not None or command.phase in UNSTOPPABLE
    return command.status is Status.RUNNING and unwanted
