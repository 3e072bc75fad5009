"""A part that a vendor runs and reports on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from orchestrator.core.asynctask import AsyncTask, WhenSilent
from orchestrator.core.command import Command
from orchestrator.core.plan import BestEffort, Group, Part
from orchestrator.core.status import Mode

VENDOR_SYSTEM = "vendor"
EXTERNAL_KIND = "external"
UNDOABLE_KIND = "external.undoable"
EXTERNAL_KINDS = (EXTERNAL_KIND, UNDOABLE_KIND)
TREE_KIND = "external.tree"
VENDOR_KINDS = (*EXTERNAL_KINDS, TREE_KIND)
MOST_WEIGHT = 1_000
UNDO = ".undo"
"""What the topic of a task ends in that asks a vendor to undo what it did."""


class ExternalTask(Command, kind=EXTERNAL_KIND, label="{description}"):
    """A task that a vendor's program runs; it reports status and progress over REST."""

    vendor: str
    description: str
    lease_s: float | None = None
    timeout_s: float | None = None
    when_silent: WhenSilent = WhenSilent.ATTENTION
    data: dict[str, Any] = Field(default_factory=dict)
    open_to: tuple[str, ...] = ()
    topic: str = EXTERNAL_KIND
    weight: int = Field(default=1, ge=1, le=MOST_WEIGHT)

    def execute(self) -> AsyncTask[Any]:
        return AsyncTask(
            system=VENDOR_SYSTEM,
            scope=self.vendor,
            verb=self.topic,
            request=self.data,
            description=self.description,
            timeout=_seconds(self.timeout_s),
            lease=_seconds(self.lease_s),
            when_silent=self.when_silent,
        )


class UndoableExternalTask(ExternalTask, kind=UNDOABLE_KIND, label="{description}"):
    """A task whose vendor undoes it when a later part fails: it is asked to, on the topic `TOPIC.undo`."""

    def compensate(self) -> AsyncTask[Any]:
        return AsyncTask(
            system=VENDOR_SYSTEM,
            scope=self.vendor,
            verb=f"{self.topic}{UNDO}",
            request=self.data,
            description=f"Undo: {self.description}",
            timeout=_seconds(self.timeout_s),
            lease=_seconds(self.lease_s),
            when_silent=WhenSilent.ATTENTION,
        )


class ExternalTree(Command, kind=TREE_KIND, label="{description}"):
    """A task that was registered with all its sub-tasks: it ends as they do, and nobody reports on it.

    Each of `tasks` holds the parameters of an external task, or `tasks` of its own; `best_effort` and `can_undo`
    besides.
    """

    vendor: str
    description: str
    mode: Mode
    tasks: tuple[dict[str, Any], ...]
    data: dict[str, Any] = Field(default_factory=dict)
    open_to: tuple[str, ...] = ()

    def plan(self) -> Group:
        return Group(self.mode, tuple(_part({"vendor": self.vendor, **one}) for one in self.tasks))


VENDOR_COMMANDS: tuple[type[Command], ...] = (ExternalTask, UndoableExternalTask, ExternalTree)


def vendor_task(said: Mapping[str, Any]) -> Command:
    """Makes the task, with all its sub-tasks, of what its vendor said of it. Raises ValidationError."""
    told = {name: value for name, value in said.items() if name != "can_undo"}
    if said.get("tasks"):
        return ExternalTree.model_validate(told)
    kind = UndoableExternalTask if said.get("can_undo") else ExternalTask
    return kind.model_validate(told)


def _part(said: dict[str, Any]) -> Part:
    task = vendor_task({name: value for name, value in said.items() if name != "best_effort"})
    return BestEffort(task) if said.get("best_effort") else task


def external(
    vendor: str,
    description: str,
    *,
    lease: timedelta | None = None,
    timeout: timedelta | None = None,
    when_silent: WhenSilent = WhenSilent.ATTENTION,
    data: dict[str, Any] | None = None,
    open_to: Iterable[str] = (),
    topic: str = EXTERNAL_KIND,
    can_undo: bool = False,
    weight: int = 1,
) -> ExternalTask:
    """Puts a vendor's task into a plan.

    It waits until the vendor reports its end. Silence past `lease` is shown as stale and then handled
    as `when_silent` says; `timeout` bounds the whole. `data` is JSON for the vendor to read. The vendors in
    `open_to` may add tasks of their own below it; nobody else but the vendor itself may. `topic` is
    what its programs ask for when they fetch work. With `can_undo` the vendor is asked to undo it when a later part
    fails: a task on the topic `TOPIC.undo`. Without, it stays as it is, and says that it was not undone. `weight` is
    what it counts for in the progress of what encloses it.
    """
    kind = UndoableExternalTask if can_undo else ExternalTask
    return kind(
        vendor=vendor,
        description=description,
        lease_s=lease.total_seconds() if lease else None,
        timeout_s=timeout.total_seconds() if timeout else None,
        when_silent=when_silent,
        data=data or {},
        open_to=tuple(open_to),
        topic=topic,
        weight=weight,
    )


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)
