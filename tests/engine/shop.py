"""A shop in which anybody begins tasks, ours and others: what adoption is tested with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orchestrator import (
    AsyncTask,
    AsyncTaskRef,
    Command,
    FoundTask,
    Locks,
    TaskReport,
    TaskStatus,
    TryAgain,
    exclusive,
)
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.query import CommandQuery
from orchestrator.testing import Stage

LIST = timedelta(seconds=10)
POLL = timedelta(seconds=2)
RUNNING, SUCCEEDED = TaskStatus.RUNNING, TaskStatus.SUCCEEDED


@dataclass
class Shop:
    """A system outside in which anybody begins tasks; it keeps what has ended until that is cleared."""

    name: str = "shop"
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    listings: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    lease: timedelta | None = None
    away: bool = False
    slow_to_tell: bool = False
    mute: bool = False

    def scopes(self) -> Collection[str]:
        return ("north", "south")

    def begins(
        self, task_id: str, thing: str = "", scope: str = "north", verb: str = "turn"
    ) -> None:
        """Somebody begins a task by hand."""
        self.tasks[task_id] = {
            "status": RUNNING, "progress": 0.0, "thing": thing, "scope": scope, "verb": verb,
        }  # fmt: skip

    def says(self, task_id: str, status: TaskStatus, progress: float | None = None) -> None:
        """This is how a task fares from now on."""
        self.tasks[task_id] |= {"status": status, "progress": progress}

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        task_id = f"s-{task.request['thing']}"
        if task_id not in self.tasks:
            self.begins(task_id, task.request["thing"], task.scope, task.verb)
        if self.mute:
            raise ConnectionResetError("the answer is lost")
        if self.slow_to_tell:
            raise TryAgain("no answer came", after=timedelta(seconds=60))
        return self._report(task_id)._replace(task_id=task.task_id)

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        self.listings.append(scope)
        return self._reports(scope, tasks)

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        if self.away:
            raise TryAgain("away")
        self.listings.append(scope)
        yield from self._reports(scope, tasks)
        for task_id, one in list(self.tasks.items()):
            if one["scope"] == scope:
                thing = one["thing"]
                yield FoundTask(
                    report=self._report(task_id),
                    description=f"Turn {thing}",
                    request={"thing": thing},
                    locks=exclusive("thing", thing) if thing else Locks(),
                    lease=self.lease,
                )

    def stop(self, task: AsyncTaskRef) -> None:
        self.stopped.append(task.external_id or "")
        self.says(task.external_id or "", TaskStatus.ABORTED)

    def clear(self, task: AsyncTaskRef) -> None:
        self.cleared.append(task.external_id or "")
        self.tasks.pop(task.external_id or "", None)

    def _reports(self, scope: str, tasks: Collection[AsyncTaskRef]) -> list[TaskReport]:
        return [
            self._report(one.external_id or "")._replace(task_id=one.task_id)
            if one.external_id in self.tasks
            else TaskReport(
                system=self.name, scope=scope, task_id=one.task_id, status=TaskStatus.LOST
            )
            for one in tasks
        ]

    def _report(self, task_id: str) -> TaskReport:
        one = self.tasks[task_id]
        return TaskReport(
            system=self.name,
            scope=one["scope"],
            external_id=task_id,
            verb=one["verb"],
            status=one["status"],
            progress=one["progress"],
        )


class Turn(Command, kind="turn", label="Turn {thing}"):
    """Turns a thing in the shop."""

    thing: str

    def locks(self) -> Locks:
        return exclusive("thing", self.thing)

    def execute(self) -> AsyncTask[None]:
        return AsyncTask(system="shop", scope="north", verb="turn", request={"thing": self.thing})


class Paint(Command, kind="paint", label="Paint {thing}"):
    """Has the thing for itself until an operator says that it is done."""

    thing: str

    def locks(self) -> Locks:
        return exclusive("thing", self.thing)

    def execute(self) -> None:
        raise TryAgain("wet", after=timedelta(hours=1))


def found(stage: Stage) -> list[CommandEntity]:
    """Gives the commands of what was found, the oldest first."""
    page = stage.orchestrator.commands(CommandQuery(kind=OUTSIDE_KIND))
    return list(reversed(page.items))


def the_one(stage: Stage) -> CommandEntity:
    """Gives the command of the only task that was found."""
    (one,) = found(stage)
    return one


def task_of(stage: Stage, command: CommandEntity) -> TaskEntity:
    """Gives the task that a found command stands for."""
    (task,) = stage.orchestrator.tasks([command.command_id])
    return task
