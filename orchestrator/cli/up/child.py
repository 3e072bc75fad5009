"""One part of the system as a process that is started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.cli.up.logs import OWN, Log

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process to run: its name, words and environment.

    `stage` orders the ends: those of the highest stage are stopped first. `port` is where it
    listens; with `is_awaited`, those after it are started when it answers there.
    """

    name: str
    command: tuple[str, ...]
    stage: int
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    is_awaited: bool = False


class Child:
    """Runs a part until it is stopped; `deaths` counts the ends that nobody asked for."""

    def __init__(self, part: Part, log: Log, noted: Callable[[str, int], None]) -> None:
        self.part = part
        self.deaths = 0
        self.last_line = ""
        self._log = log
        self._noted = noted
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._guard = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The number of its process, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end for good."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Starts it and watches over it. Raises OSError when there is no such program."""
        self._spawn()
        threading.Thread(target=self._watch, name=f"watch-{self.part.name}", daemon=True).start()

    def signal(self, number: int) -> None:
        """Sends it a signal; if that ends it, it is started again."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number)

    def ask_to_stop(self) -> None:
        """Has it end, for good."""
        self._stopping.set()
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it, and all that it started, at once and for good."""
        self._stopping.set()
        process = self._process
        if process is not None:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # each part leads a session of its own
            except ProcessLookupError:
                return

    def wait(self, timeout_s: float) -> bool:
        """Waits for its end; gives whether it has come."""
        return self._ended.wait(timeout_s)

    def _spawn(self) -> None:
        with self._guard:
            if self._stopping.is_set():
                return
            self._process = subprocess.Popen(
                self.part.command,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.part.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # Ctrl-C in the terminal is for us: we stop the parts in order.
                start_new_session=True,
            )
        self._noted(self.part.name, self._process.pid)
        # In a thread of its own: a grandchild may hold the pipe open after the part's end.
        threading.Thread(
            target=self._copy, args=(self._process,), name=f"log-{self.part.name}", daemon=True
        ).start()

    def _copy(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                text = line.rstrip()
                if text:
                    self.last_line = text
                    self._log.write(self.part.name, text)

    def _watch(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (process := self._process) is not None:
            began = time.monotonic()
            code = process.wait()
            if self._stopping.is_set():
                break
            self.deaths += 1
            if time.monotonic() - began > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            why = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self._log.write(
                OWN, f"{self.part.name} ended ({why}); it is started again in {pause_s:g} s"
            )
            if self._stopping.wait(pause_s):
                break
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self._spawn()
        self._ended.set()
