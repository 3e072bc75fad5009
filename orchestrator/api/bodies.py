"""What callers send: filters, submissions, operators' orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.fields import Json, JsonObject, Moment, Said, Span, Words
from orchestrator.core.errors import BadInputError
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Outcome, Status

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=200)]
Statuses = Annotated[list[str] | None, Query(description="repeated, or separated by commas")]


class Submission(BaseModel):
    """A command to submit. `deadline` is a time, or how long from now (ISO-8601 or seconds).

    With `parent` it is added to a command that waits for its parts or for work outside.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Words
    parameters: JsonObject = {}
    owner: Said | None = Field(default=None, min_length=1, max_length=255)
    correlation_id: Words | None = Field(default=None, max_length=255)
    deadline: Moment | Span | None = None
    parent: Words | None = Field(default=None, max_length=100)


class Order(BaseModel):
    """An operator's order, with the reason for the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = Field(default="", max_length=2000)


class RestartOrder(Order):
    """An order to begin anew; `from_part` is the part of its sequence to go on from."""

    from_part: Words | None = Field(default=None, max_length=100)


class UnlockOrder(Order):
    """An order to free the lock on `type:id`, with the reason."""

    entity: Said = Field(max_length=500)


class Verdict(Order):
    """An operator's word for how a command came out; `value` becomes its return value."""

    outcome: Literal["succeeded", "failed"]
    value: Json = None

    @property
    def as_outcome(self) -> Outcome:
        """Gives the outcome as the engine has it."""
        return Outcome(self.outcome)


def read_statuses(texts: list[str] | None) -> tuple[Status, ...]:
    """Reads a status filter. Raises BadInputError for an unknown word."""
    words = [word.strip().lower() for text in texts or () for word in text.split(",")]
    known = {one.value: one for one in Status}
    for word in words:
        if word and word not in known:
            raise BadInputError(f"there is no status {word!r}; there are: {', '.join(known)}")
    return tuple(known[word] for word in words if word)


def command_query(
    status: Statuses = None,
    kind: str | None = None,
    owner: str | None = None,
    entity: Annotated[str | None, Query(description="type:id, or an id")] = None,
    correlation_id: str | None = None,
    external: Annotated[
        str | None, Query(description="what an outside system calls a task")
    ] = None,
    q: Annotated[str | None, Query(description="looked for in labels and kinds")] = None,
    error: Annotated[str | None, Query(description="looked for in messages of what failed")] = None,
    command_id: Annotated[
        str | None, Query(alias="id", description="the beginning of a command's id")
    ] = None,
    parts: Annotated[bool, Query(description="parts of commands too")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CommandQuery:
    """Reads the filters of a list of commands."""
    return CommandQuery(
        statuses=read_statuses(status),
        kind=kind or None,
        owner=owner or None,
        entity=entity or None,
        correlation_id=correlation_id or None,
        text=q or None,
        error=error or None,
        external_id=external or None,
        id_prefix=check_prefix(command_id) if command_id else None,
        parts=parts,
        limit=limit,
        cursor=cursor or None,
    )


def check_prefix(prefix: str) -> str:
    """Gives the beginning of an id as ids are written. Raises BadInputError for what begins none."""
    digits = prefix.strip().lower()
    if not digits or len(digits) > 36 or any(one not in "0123456789abcdef-" for one in digits):
        raise BadInputError(f"{prefix!r} is not the beginning of a command's id")
    return digits


def check_deadline(deadline: datetime | timedelta | None, now: datetime) -> None:
    """Raises BadInputError for a deadline that has passed already."""
    at = now + deadline if isinstance(deadline, timedelta) else deadline
    if at is not None and at <= now:
        raise BadInputError(f"the deadline {at.isoformat()} has passed; it is {now.isoformat()}")
