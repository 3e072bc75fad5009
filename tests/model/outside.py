"""A fake outside system that runs async tasks by their scripts, and remembers them when its clients die."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator import Refused, TryAgain
from orchestrator.core.asynctask import AsyncTaskRef, FoundTask, TaskReport, TaskStatus

SYSTEM = "model"

Record: TypeAlias = dict[str, Any]


def fair(_call: str) -> None:
    """The weather in which every call arrives and every answer comes back."""


class Outside:
    """The adapter and the system behind it.

    A record is kept for each task under our id: what it does, when it ends, whether it was stopped.
    `weather` is called before and after each call with `call` and `answer`; what it raises is lost on the way.
    """

    name = SYSTEM

    def __init__(self, records: MutableMapping[str, Record] | None = None) -> None:
        self.records: MutableMapping[str, Record] = {} if records is None else records
        self.time: Callable[[], float] = time.time
        self.weather: Callable[[str], None] = fair
        self.starts: list[str] = []

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        self.weather("call")
        if task.request["does"] == "refused":
            raise Refused(f"{task.verb} is refused")
        if task.request["does"] == "busy":
            raise TryAgain(f"{task.verb} has to wait", after=timedelta(seconds=5))
        if task.task_id not in self.records:
            self.starts.append(task.task_id)
            self.records[task.task_id] = {
                "does": task.request["does"],
                "scope": task.scope,
                "ends_at": self.time() + task.request["seconds"],
                "stopped": False,
            }
        self.weather("answer")
        if task.request["does"] == "mute":
            raise ConnectionResetError("the answer is lost")
        return self._report(task)

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        self.weather("call")
        reports = [self._report(task) for task in tasks]
        self.weather("answer")
        return reports

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        return [
            TaskReport(
                system=SYSTEM, scope=scope, status=self.status(record), external_id=f"x-{task_id}"
            )
            for task_id, record in self.records.items()
            if record["scope"] == scope
        ]

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        self.weather("call")
        record = self.records.get(self.key(task))
        if record is not None and self.status(record) is TaskStatus.RUNNING:
            self.records[self.key(task)] = {**record, "stopped": True}
        self.weather("answer")
        return None

    def clear(self, task: AsyncTaskRef) -> None:
        self.weather("call")
        record = self.records.get(self.key(task))
        if record is not None and self.status(record) is TaskStatus.RUNNING:
            raise TryAgain("it still runs")
        self.records.pop(self.key(task), None)
        self.weather("answer")

    def key(self, task: AsyncTaskRef) -> str:
        """Gives the name of a task's record."""
        return task.task_id

    def status(self, record: Record) -> TaskStatus:
        """Gives how a task fares now."""
        if record["stopped"]:
            return TaskStatus.ABORTED
        if record["does"] == "frozen" or self.time() < record["ends_at"]:
            return TaskStatus.RUNNING
        if record["does"] == "lost":
            return TaskStatus.LOST
        return TaskStatus.FAILED if record["does"] == "fails" else TaskStatus.SUCCEEDED

    def running(self) -> list[str]:
        """Gives the ids of the tasks that run, whoever still knows of them."""
        return [
            one for one, record in self.records.items() if self.status(record) is TaskStatus.RUNNING
        ]

    def _report(self, task: AsyncTaskRef) -> TaskReport:
        record = self.records.get(self.key(task))
        status = TaskStatus.LOST if record is None else self.status(record)
        return TaskReport(
            system=SYSTEM,
            scope=task.scope,
            status=status,
            task_id=task.task_id,
            external_id=f"x-{task.task_id}",
            result="made" if status is TaskStatus.SUCCEEDED else None,
            message="it failed outside" if status is TaskStatus.FAILED else None,
        )


class Folder(MutableMapping[str, Record]):
    """Records as files, so that they outlive every process and all processes share them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, key: str) -> Record:
        try:
            found: Record = json.loads((self.path / key).read_text())
        except FileNotFoundError as problem:
            raise KeyError(key) from problem
        return found

    def __setitem__(self, key: str, record: Record) -> None:
        draft = self.path / f".{key}.{os.getpid()}.{time.monotonic_ns()}"
        draft.write_text(json.dumps(record))
        draft.rename(self.path / key)

    def __delitem__(self, key: str) -> None:
        (self.path / key).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[str]:
        return (one.name for one in self.path.iterdir() if not one.name.startswith("."))

    def __len__(self) -> int:
        return sum(1 for _ in self)
