"""What a verb may know about the command that it is called for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The circumstances of a call: ask for it by type, as for anything else.

    `command_id` is the same in every call for this command, so it serves as an idempotency key towards
    other systems. `attempt` counts the claims of the command, this one included.
    """

    command_id: str
    root_id: str
    attempt: int
    owner: str
    correlation_id: str | None = None
    deadline: datetime | None = None
    reason: str | None = None
