"""Who did what: the deeds of people and programs, as the audit keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SUBMISSIONS = ("submit", "attach")
"""The deeds by which commands come into being."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that somebody did, named by its token.

    `subject` is what it was done to, in words that stay when the thing is gone: a command's label, a token's name.
    `entity` is `type:id` of what the command is about. `number` is the deed's place in the audit.
    """

    actor: str
    verb: str
    at: datetime
    reason: str = ""
    subject: str = ""
    command_id: str | None = None
    root_id: str | None = None
    entity: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which deeds to list, newest first. `command_id` may be a root's: then those of its whole tree.

    `cursor` comes from the page before.
    """

    actor: str | None = None
    verb: str | None = None
    entity: str | None = None
    command_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    cursor: str | None = None
