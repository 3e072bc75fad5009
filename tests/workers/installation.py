"""A small installation of real processes: a broker, a Celery worker, a scheduler."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import Orchestrator
from orchestrator.store.sql import SqlStore
from tests.services import until
from workers import connect

ROOT = Path(__file__).parents[2]
MODULE = "tests.workers.mine"
START_S = 60.0
SLOTS = 4


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Where it lives, and the front door to it."""

    folder: Path
    environment: dict[str, str]
    door: Orchestrator

    def run(self, *program: str) -> subprocess.CompletedProcess[str]:
        """Runs a Python program in its environment, to its end."""
        return run(self.environment, *program)

    @property
    def store(self) -> SqlStore:
        """The store behind the front door."""
        found = self.door.store
        assert isinstance(found, SqlStore)
        return found


def run(environment: dict[str, str], *program: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python program in this environment, to its end."""
    return subprocess.run(
        [sys.executable, *program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@contextmanager
def installed(
    folder: Path,
    database_url: str,
    broker_url: str,
    *,
    fusion: bool,
    pool: str = "threads",
) -> Iterator[Installation]:
    """Gives an installation that runs, with the commands of `mine`."""
    environment = os.environ | {
        "ORCHESTRATOR_DATA_DIR": str(folder),
        "ORCHESTRATOR_DATABASE_URL": database_url,
        "ORCHESTRATOR_BROKER_URL": broker_url,
        "ORCHESTRATOR_MODULES": MODULE,
        "ORCHESTRATOR_FUSION": "on" if fusion else "off",
    }
    made = run(environment, "-m", "workers.admin", "upgrade")
    assert made.returncode == 0, made.stderr
    worker = ["-m", "celery", "-A", "workers", "worker", f"--pool={pool}", f"--concurrency={SLOTS}"]
    with ExitStack() as running:
        running.enter_context(started(folder, environment, [*worker, "--without-mingle"]))
        running.enter_context(started(folder, environment, ["-m", "workers.schedule"]))
        door = connect(database_url, broker_url, MODULE)
        running.callback(door.store.close)  # type: ignore[attr-defined]
        processes = 1 + (SLOTS if pool == "prefork" else 1)
        until(
            lambda: len(door.store.workers()) == processes,
            what="all are registered",
            timeout_s=START_S,
        )
        yield Installation(folder=folder, environment=environment, door=door)


@contextmanager
def started(folder: Path, environment: dict[str, str], program: Sequence[str]) -> Iterator[None]:
    """Runs a Python program meanwhile; its output goes to a file in the folder."""
    log = (folder / f"{'-'.join(program[1:4])}.log".replace("/", "_")).open("wb")
    process = subprocess.Popen(
        [sys.executable, *program], env=environment, cwd=ROOT, stdout=log, stderr=log
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
