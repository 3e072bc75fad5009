"""Processes that a contestant starts: each in its own group, its output in a file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL_S = 0.01


class Processes:
    """The processes of one contestant. Leaving the block kills them."""

    def __init__(self, room: Path) -> None:
        self._room = room
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def start(self, commands: Sequence[Sequence[str]]) -> None:
        """Starts one process for each command line; it finds its number in BENCH_WORKER."""
        for number, command in enumerate(commands):
            self._running.append(self._start(command, {"BENCH_WORKER": str(number)}))

    def _start(self, command: Sequence[str], extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self._started += 1
        with (self._room / f"process-{self._started}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **extra},
            )

    def kill(self) -> None:
        """Kills them with SIGKILL, their children too, and waits until they are gone."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._running:
            process.wait()
        self._running.clear()


def free_port() -> int:
    """Gives a TCP port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(condition: Callable[[], bool], *, deadline_s: float, what: str) -> None:
    """Returns when the condition holds; raises `TimeoutError` when it does not in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {deadline_s:.0f} s")
        time.sleep(POLL_S)


def report_ready(room: Path) -> None:
    """Tells the contestant that this worker process takes work."""
    (room / f"ready-{os.getpid()}").touch()


def count_ready(room: Path) -> int:
    """Counts the worker processes that live and take work."""
    pids = [int(path.name.partition("-")[2]) for path in room.glob("ready-*")]
    return sum(Path(f"/proc/{pid}").exists() for pid in pids)
