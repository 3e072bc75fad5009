"""What is asked of a list of commands, and a page of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from orchestrator.core.status import Status

T = TypeVar("T")
SEARCHED = 3_000
"""Rows that one page of a list looks through for what has no index, and up to which lists count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandQuery:
    """Which commands to list, newest first.

    `entity` is `type:id` or an id of what any command of the tree is about or locks; `external_id` is what an
    outside system calls a task of it; `text` is looked for in labels and kinds, `error` in the messages of what
    failed, was stopped or needs attention. `cursor` comes from the page before.
    Roots only, unless `parts` is set. With `any_case` the correlation id may be in other letters.
    """

    statuses: tuple[Status, ...] = ()
    kind: str | None = None
    owner: str | None = None
    owner_type: str | None = None
    entity: str | None = None
    correlation_id: str | None = None
    any_case: bool = False
    text: str | None = None
    error: str | None = None
    external_id: str | None = None
    id_prefix: str | None = None
    parts: bool = False
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskQuery:
    """Which async tasks to list, newest first: of one system, and there of one scope if it is named.

    `statuses` are those of their commands. `cursor` comes from the page before.
    """

    system: str
    scope: str | None = None
    statuses: tuple[Status, ...] = ()
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Which tasks a program may take: of one scope, on some topics or any, that nobody has at that time."""

    system: str
    scope: str
    topics: tuple[str, ...] = ()
    at: datetime
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the answer, and the cursor for the rest; None when there is no more.

    `total` is how many there are in all, where that was asked for and is known.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    total: int | None = None
