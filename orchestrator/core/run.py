"""What a verb may know about the command that it is called for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The circumstances of a call: ask for it by type, as for anything else.

    `idempotency_key` is the key towards other systems: it is the same in every call of one round, and another one
    when the command begins anew after it had ended (`restarts` counts that). What is restarted because it was stuck
    goes on in its round: whether the call before took effect is what the other system tells by the key.
    `attempt` counts the claims of the command, this one included: it fences, so it is new in each call.
    """

    command_id: str
    root_id: str
    attempt: int
    owner: str
    correlation_id: str | None = None
    deadline: datetime | None = None
    reason: str | None = None
    restarts: int = 0

    @property
    def idempotency_key(self) -> str:
        """A UUID as text; in the first round it is the command's id."""
        if not self.restarts:
            return self.command_id
        return str(uuid5(UUID(self.command_id), f"restart {self.restarts}"))
