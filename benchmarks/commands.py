"""The commands that we are measured with: steps in sequence, side by side, and waiting ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from benchmarks.ledger import step
from benchmarks.order import Order
from orchestrator import (
    AsyncTask,
    AsyncTaskRef,
    Command,
    FoundTask,
    Plan,
    TaskReport,
    TaskStatus,
    parallel,
    sequence,
)

SYSTEM = "bench"
SCOPES = 10
POLLS = "polls"


class Step(Command, kind="bench.step"):
    """Does one trivial step."""

    command: int
    part: int

    def execute(self) -> None:
        step(self.command, self.part)


class Chain(Command, kind="bench.chain"):
    """Does its steps one after the other."""

    command: int
    parts: int

    def plan(self) -> Plan:
        return sequence(Step(command=self.command, part=part) for part in range(self.parts))


class Fan(Command, kind="bench.fan"):
    """Does its steps side by side."""

    command: int
    parts: int

    def plan(self) -> Plan:
        return parallel(Step(command=self.command, part=part) for part in range(self.parts))


class Outside(Command, kind="bench.outside"):
    """Waits for something outside that does not end."""

    number: int

    def execute(self) -> AsyncTask[None]:
        scope = f"scope-{self.number % SCOPES}"
        return AsyncTask(system=SYSTEM, scope=scope, verb="wait", request={"number": self.number})


class Crowd(Command, kind="bench.crowd"):
    """Is many that wait."""

    first: int
    parts: int

    def plan(self) -> Plan:
        return parallel(Outside(number=self.first + part) for part in range(self.parts))


class EndlessSystem:
    """An outside system whose tasks run for ever; it writes down how often it was asked."""

    name = SYSTEM

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        return self._report(task)

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        with (Order.from_environment().room / POLLS).open("a") as polls:
            polls.write(f"{scope} {len(tasks)}\n")
        return [self._report(task) for task in tasks]

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        return ()

    def stop(self, task: AsyncTaskRef) -> None:
        return

    def clear(self, task: AsyncTaskRef) -> None:
        return

    def _report(self, task: AsyncTaskRef) -> TaskReport:
        return TaskReport(
            system=SYSTEM,
            scope=task.scope,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            external_id=task.task_id,
        )


def supplies() -> list[object]:
    """Gives the adapter to whoever loads this module for its commands."""
    return [EndlessSystem()]


def count_polls(room: Path) -> int:
    """Counts the calls of `poll` in a run."""
    try:
        return (room / POLLS).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
