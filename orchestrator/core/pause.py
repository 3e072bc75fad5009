"""Pauses: nothing of a command, of a kind, or in an outside scope is begun until somebody resumes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.core.errors import BadInputError

PAUSED = "paused by "
"""How the message of a command begins that sleeps because of a pause."""


class PauseOf(StrEnum):
    """What is paused."""

    COMMAND = "command"
    KIND = "kind"
    SCOPE = "scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Somebody's order that nothing of the subject be begun: `command:ID`, `kind:K` or `scope:SYSTEM/SCOPE`."""

    subject: str
    by: str
    reason: str
    at: datetime

    def words(self) -> str:
        """Gives the line that operators read at a command that sleeps because of it."""
        why = f": {self.reason}" if self.reason else ""
        return f"{PAUSED}{self.by}{why} ({self.subject})"


def subject_of(of: PauseOf, name: str) -> str:
    """Gives a subject as it is stored."""
    return f"{of.value}:{name}"


def read_subject(text: str) -> tuple[PauseOf, str]:
    """Reads a subject. Raises BadInputError that says how one is written."""
    of, _, name = text.strip().partition(":")
    system, slash, scope = name.partition("/")
    is_whole = bool(name) and (of != PauseOf.SCOPE or bool(system and slash and scope))
    if of not in list(PauseOf) or not is_whole:
        raise BadInputError(
            f"{text!r} cannot be paused; write kind:vm.remove, scope:vdsm/POOL or command:ID"
        )
    return PauseOf(of), name
