"""A task that somebody else began in a system outside, as a command of its own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from orchestrator.core.command import Command
from orchestrator.core.errors import BadInputError
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Adapter

OUTSIDE_KIND = "outside.task"
OUTSIDE_OWNER = "outside"
"""Both the owner and the type of owner of what was found outside."""


class OutsideTask(Command, kind=OUTSIDE_KIND, label="{description} (found outside)"):
    """A task that was found outside; it is followed, and ends as the task does."""

    system: str
    scope: str
    verb: str
    external_id: str
    description: str
    request: dict[str, Any] = Field(default_factory=dict)
    started_at: datetime | None = None

    def plan(self) -> Plan:
        raise BadInputError("it stands for a task that was found outside, and cannot be submitted")


@runtime_checkable
class Discoverer(Adapter, Protocol):
    """An adapter that knows which scopes there are, so that what others begin there is found."""

    def scopes(self) -> Collection[str]:
        """Gives the scopes that are set up, whether they have tasks of ours or not."""
