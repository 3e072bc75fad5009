"""Work that goes on outside after `execute` returned, and the news about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from orchestrator.core.locks import Locks

T = TypeVar("T")
NO_DETAIL: Mapping[str, Any] = MappingProxyType({})


class TaskStatus(StrEnum):
    """How an async task fares outside, in one language for all outside systems."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    LOST = "lost"  # the system was asked and does not know it, or cannot say how it ended

    @property
    def has_ended(self) -> bool:
        """Whether the outside system will say no more about it."""
        return self is not TaskStatus.RUNNING


class WhenSilent(StrEnum):
    """What becomes of a command when nobody can say how it fares: its task fell silent, its workers died."""

    ATTENTION = "attention"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTask(Generic[T]):
    """What `execute` returns to say: this is to be started outside; end me when it has ended.

    It is an intention, not a handle: the engine stores it first, then asks the adapter named `system`
    to start it. So a crash between the two is mended by looking the task up, never by a blind resend.
    `request` is JSON and holds all that the adapter needs. `timeout` bounds the whole task,
    `lease` the silence between two reports of it.
    """

    system: str
    scope: str
    verb: str
    request: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    timeout: timedelta | None = None
    lease: timedelta | None = None
    when_silent: WhenSilent = WhenSilent.ATTENTION


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTaskRef:
    """A stored async task as an adapter sees it.

    `task_id` is ours, chosen before the start, and serves as the outside id where the system lets the
    caller choose. `external_id` is theirs, once known. `detail` is what the adapter said last
    (counters, states), `changed_at` when that last changed: what it takes to notice a frozen task.
    """

    task_id: str
    system: str
    scope: str
    verb: str
    request: Mapping[str, Any]
    external_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    changed_at: datetime
    correlation_id: str | None = None
    stop_requested: bool = False


class TaskReport(NamedTuple):
    """News about one async task; the one form in which all news enters. Its fields are given by name.

    A named tuple, not a dataclass: an adapter makes one for each task at each poll, and this is five times as fast.

    `progress` is 0 to 1, or None where the system tells none. `result` is JSON and becomes the command's
    return value. `detail` is kept and given back in the next `AsyncTaskRef`. A report names its task by
    `task_id` (ours) or by `external_id` (theirs). `offered` says that whoever is to do the work has not begun it: no
    lease runs until the first sign of life.
    """

    system: str
    scope: str
    status: TaskStatus
    task_id: str | None = None
    external_id: str | None = None
    verb: str | None = None
    progress: float | None = None
    message: str | None = None
    result: Any = None
    detail: Mapping[str, Any] = NO_DETAIL
    offered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTask:
    """A task that runs, or has ended, in a system outside, whoever began it; ours are among them.

    `report` names it by `external_id` and says how it fares; its `verb` is the one that `AsyncTask` would have for
    it. `request` is JSON, and all that the adapter needs to poll, stop and clear it: it comes back in the
    `AsyncTaskRef`. `locks` is what it works on, so that commands of ours wait for it. `started_at` tells two tasks
    with the same id apart, where the system uses ids again. `lease` is how long it may be silent.
    """

    report: TaskReport
    description: str
    request: Mapping[str, Any] = field(default_factory=dict)
    locks: Locks = field(default_factory=Locks)
    started_at: datetime | None = None
    lease: timedelta | None = None
