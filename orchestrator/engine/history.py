"""What the event log says of the way that a command went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.status import Status


def transition_of(
    command: CommandEntity,
    path: Sequence[Status],
    causes: Sequence[str],
    *,
    actor: str | None,
    at: datetime,
) -> Transition:
    """Gives the row of a command as it now stands; `path` begins with where it stood before."""
    return Transition(
        command_id=command.command_id,
        root_id=command.root_id,
        revision=command.revision,
        path=tuple(path),
        phase=command.phase,
        causes=tuple(causes),
        attempt=command.attempt,
        worker_id=command.worker_id,
        message=command.message,
        progress=command.progress,
        at=at,
        actor=actor,
    )
