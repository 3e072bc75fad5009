"""Small commands, an outside system and a diary, to play all kinds of trees with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from orchestrator import (
    AsyncTask,
    AsyncTaskRef,
    Command,
    FoundTask,
    Locks,
    Outcome,
    Plan,
    Refused,
    Retry,
    TaskReport,
    TaskStatus,
    WhenSilent,
    best_effort,
    exclusive,
    parallel,
    sequence,
    shared,
)
from orchestrator.core.plan import Part


class Diary:
    """Notes which verbs were called, in order, and raises what the test tells it to."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.troubles: dict[str, list[Exception | None]] = {}

    def trouble(self, note: str, *problems: Exception | None) -> None:
        """From the next such note on, raises these in turn; None lets one pass."""
        self.troubles.setdefault(note, []).extend(problems)

    def write(self, note: str) -> None:
        """Takes a note, and raises what is due for it."""
        self.notes.append(note)
        due = self.troubles.get(note)
        problem = due.pop(0) if due else None
        if problem is not None:
            raise problem


class Outside:
    """An outside system whose tasks end when the test says so."""

    name = "outside"

    def __init__(self) -> None:
        self.tasks: dict[str, AsyncTaskRef] = {}
        self.news: dict[str, dict[str, Any]] = {}
        self.starts: list[str] = []
        self.stopped: list[str] = []
        self.cleared: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}
        self.obeys = True

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        name = task.request["name"]
        if self.troubles.get(name):
            raise self.troubles[name].pop(0)
        if not (again and task.task_id in self.tasks):
            self.starts.append(name)
            self.tasks[task.task_id] = task
        return self._report(task)

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        return [self._report(one) for one in tasks]

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        return [self._report(one) for one in self.tasks.values() if one.scope == scope]

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        self.stopped.append(task.request["name"])
        if self.obeys:
            self.says(task.request["name"], TaskStatus.ABORTED)
        return None

    def clear(self, task: AsyncTaskRef) -> None:
        self.cleared.append(task.request["name"])

    def says(self, name: str, status: TaskStatus, **news: Any) -> None:
        """From now on, this is what a poll says of the task."""
        self.news[name] = {"status": status, **news}

    def _report(self, task: AsyncTaskRef) -> TaskReport:
        news = self.news.get(task.request["name"], {"status": TaskStatus.RUNNING})
        if task.task_id not in self.tasks:
            news = {"status": TaskStatus.LOST, "message": "no such task"}
        return TaskReport(
            system=self.name,
            scope=task.scope,
            task_id=task.task_id,
            external_id=f"x-{task.task_id[:8]}",
            **news,
        )


class Step(Command, kind="step", label="{name}"):
    """A step that is done at once and can be undone."""

    name: str

    def execute(self, diary: Diary) -> None:
        diary.write(f"do {self.name}")

    def compensate(self, diary: Diary) -> None:
        diary.write(f"undo {self.name}")


class Ended(Command, kind="ended", label="{name}"):
    """A step with all verbs."""

    name: str

    def validate(self, diary: Diary) -> None:
        diary.write(f"validate {self.name}")

    def execute(self, diary: Diary) -> None:
        diary.write(f"do {self.name}")

    def end(self, outcome: Outcome, diary: Diary) -> None:
        diary.write(f"end {self.name} {outcome}")

    def compensate(self, diary: Diary) -> None:
        diary.write(f"undo {self.name}")


class Stubborn(
    Command, kind="stubborn", label="{name}",
    retry=Retry(attempts=3, first=timedelta(seconds=10), factor=3, jitter=0),
):  # fmt: skip
    """A step that is tried three times."""

    name: str

    def execute(self, diary: Diary) -> None:
        diary.write(f"do {self.name}")


class Work(Command, kind="work", label="{name}"):
    """Work outside, undone by work outside."""

    name: str
    timeout_s: float | None = None
    lease_s: float | None = None
    when_silent: WhenSilent = WhenSilent.ATTENTION

    def execute(self) -> AsyncTask[None]:
        return self._task(self.name)

    def compensate(self) -> AsyncTask[None]:
        return self._task(f"undo {self.name}")

    def _task(self, name: str) -> AsyncTask[None]:
        return AsyncTask(
            system="outside",
            scope="here",
            verb="work",
            request={"name": name},
            timeout=None if self.timeout_s is None else timedelta(seconds=self.timeout_s),
            lease=None if self.lease_s is None else timedelta(seconds=self.lease_s),
            when_silent=self.when_silent,
        )


class Group(Command, kind="group", label="{name}"):
    """A command of its own around a plan that is written as JSON: see `part_of`."""

    name: str
    shape: Any
    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def locks(self) -> Locks:
        return exclusive("thing", *self.exclusive) + shared("thing", *self.shared)

    def plan(self) -> Plan:
        return part_of(self.shape)

    def end(self, outcome: Outcome, diary: Diary) -> None:
        diary.write(f"end {self.name} {outcome}")


class Locked(Command, kind="locked", label="{name}"):
    """A step that needs locks."""

    name: str
    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def locks(self) -> Locks:
        return exclusive("thing", *self.exclusive) + shared("thing", *self.shared)

    def execute(self, diary: Diary) -> None:
        diary.write(f"do {self.name}")


COMMANDS = (Step, Ended, Stubborn, Work, Group, Locked)
FAILS = Refused("it may not be")
POLL = timedelta(seconds=3)  # longer than the poller's interval


def part_of(shape: Any) -> Part:
    """Reads a part written as JSON: a step's name, ["seq", …], ["best", …] and so on."""
    match shape:
        case str(name):
            return Step(name=name)
        case ["seq", *parts]:
            return sequence(part_of(one) for one in parts)
        case ["par", *parts]:
            return parallel(part_of(one) for one in parts)
        case ["best", part]:
            return best_effort(part_of(part))
        case ["work", name]:
            return Work(name=name)
        case ["ended", name]:
            return Ended(name=name)
        case ["group", name, part]:
            return Group(name=name, shape=part)
        case ["locked", name, *things]:
            return Locked(name=name, exclusive=tuple(things))
    raise ValueError(shape)
