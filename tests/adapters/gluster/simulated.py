"""A simulated cluster for one test, and what the tests of this folder say about it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.gluster.cli import GlusterCli
from adapters.gluster.gluster import Gluster
from adapters.gluster.simulator import Faults, files_on, install, seed
from adapters.gluster.xml import Reply, read_reply
from orchestrator import AsyncTask, AsyncTaskRef, Run, TaskReport, TaskStatus

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Run(command_id="c", root_id="c", attempt=1, owner="o")
"""The first call of a command."""


class CountingCli(GlusterCli):
    """The real command line; it remembers what it was asked."""

    def __init__(self, command: Collection[str]) -> None:
        super().__init__(tuple(command), timeout=timedelta(seconds=20))
        self.asked: list[str] = []

    def ask(self, *words: str) -> Reply:
        self.asked.append(" ".join(words))
        return super().ask(*words)


@dataclass(kw_only=True)
class Simulated:
    """A cluster in a directory, with the program to drive it."""

    folder: Path
    files_per_second: float = 0
    now: datetime = EPOCH
    state_dir: Path = field(init=False)
    program: Path = field(init=False)

    def __post_init__(self) -> None:
        self.state_dir = self.folder / "state"
        (self.folder / "bricks").mkdir(parents=True, exist_ok=True)
        self.program = install(self.folder / "gluster", self.state_dir, start_s=0)

    def brick(self, name: str) -> str:
        """Gives a brick by the name of its directory."""
        return f"host:{self.folder}/bricks/{name}"

    def seed(
        self,
        volume: str,
        bricks: int,
        files: int = 30,
        *,
        replica_count: int = 1,
        kind: Collection[str] = (),
    ) -> None:
        """Makes a volume; the bricks of `v` are `b0`, `b1`, ..., those of `w` are `w-b0`, ..."""
        prefix = "b" if volume == "v" else f"{volume}-b"
        names = [self.brick(f"{prefix}{i}") for i in range(bricks)]
        contents = {f"f{i}": b"%d" % i * 10 for i in range(files)}
        seed(self.state_dir, volume, names, contents, replica_count=replica_count, kind=tuple(kind))

    def switch(self, **faults: Any) -> None:
        """Switches faults on or off."""
        Faults(self.state_dir).switch(**faults)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the program as an operator does who wants XML."""
        return self.run_exactly(*words, "--xml")

    def run_exactly(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the program with these words."""
        rate = {"GLUSTER_SIMULATOR_FILES_PER_SECOND": str(self.files_per_second)}
        return subprocess.run(
            [self.program, "--mode=script", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env={**os.environ, **rate},
        )

    def ask(self, *words: str) -> Reply:
        """Runs the program and reads its answer."""
        return read_reply(self.run(*words).stdout)

    def cli(self) -> CountingCli:
        """Gives a command line that counts."""
        rate = f"GLUSTER_SIMULATOR_FILES_PER_SECOND={self.files_per_second}"
        return CountingCli(["env", rate, str(self.program)])

    def gluster(
        self,
        cli: GlusterCli | None = None,
        *,
        details_per_poll: int = 8,
        absent_after: timedelta = timedelta(0),
    ) -> Gluster:
        """Gives the adapter; its clock is `now`."""
        return Gluster(
            cli or self.cli(),
            details_per_poll=details_per_poll,
            absent_after=absent_after,
            now=lambda: self.now,
        )

    def contents(self, brick: str) -> dict[str, bytes]:
        """Gives the files on a brick with what is in them."""
        folder = self.folder / "bricks" / brick
        return {name: (folder / name).read_bytes() for name in self.files(brick)}

    def files(self, brick: str) -> tuple[str, ...]:
        """Gives the names of the files on a brick."""
        return files_on(self.brick(brick))


def stored(task: AsyncTask[Any], **facts: Any) -> AsyncTaskRef:
    """Gives the task as the engine would give it back to the adapter."""
    return AsyncTaskRef(
        task_id="11111111-1111-4111-8111-111111111111",
        system=task.system,
        scope=task.scope,
        verb=task.verb,
        request=task.request,
        created_at=EPOCH,
        changed_at=EPOCH,
        **facts,
    )


def after(ref: AsyncTaskRef, report: TaskReport, at: datetime = EPOCH) -> AsyncTaskRef:
    """Gives the stored task after a report has been taken in."""
    changed_at = at if dict(report.detail) != dict(ref.detail) else ref.changed_at
    external_id = report.external_id or ref.external_id
    return replace(ref, external_id=external_id, detail=report.detail, changed_at=changed_at)


def until(holds: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Polls until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)


def follow(gluster: Gluster, ref: AsyncTaskRef, seconds: float = 20) -> TaskReport:
    """Polls a task until it has ended, as the engine does, and gives the last report."""
    reports: list[TaskReport] = []

    def has_ended() -> bool:
        nonlocal ref
        for report in gluster.poll(ref.scope, [ref]):
            reports[:] = [report]
            ref = after(ref, report)
        return bool(reports) and reports[0].status is not TaskStatus.RUNNING

    until(has_ended, f"the end of {ref.verb}", seconds)
    return reports[0]


def look(cluster: Simulated, gluster: Gluster, task: AsyncTaskRef) -> TaskReport:
    """Looks once, some seconds after the look before."""
    cluster.now += timedelta(seconds=5)
    (report,) = gluster.poll(task.scope, [task])
    return report


def healed(cluster: Simulated, task: AsyncTaskRef) -> TaskReport:
    """Looks until the heal has ended."""
    gluster, reports = cluster.gluster(), list[TaskReport]()

    def has_ended() -> bool:
        nonlocal task
        reports[:] = [look(cluster, gluster, task)]
        task = after(task, reports[0])
        return reports[0].status.has_ended

    until(has_ended, "the end of the heal")
    return reports[0]
