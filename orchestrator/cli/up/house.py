"""The data directory of one running system: its lock, its ports, the processes that it started."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from orchestrator.cli.exits import CliError
from orchestrator.cli.private import make_private
from orchestrator.cli.up.ports import free_port
from orchestrator.running import LOCK_FILE

LOCK_TRIES = 4  # who only looks whether a system is up holds the lock for a moment
STATE_FILE = "up.json"
PATIENCE_S = 5.0


class House:
    """A data directory that this process has to itself.

    `enter` raises CliError when another `up` is in it, or when it cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.expanduser().absolute()
        self._guard = threading.Lock()
        self._state: dict[str, Any] = {}
        self._lock = -1

    def enter(self) -> list[str]:
        """Takes the directory and ends what an earlier `up` left running; gives the names."""
        try:
            make_private(self.directory)
            # Not inheritable, as all descriptors in Python: a child that outlives us holds no lock.
            self._lock = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CliError(
                f"data directory {self.directory} cannot be used: {error.strerror}"
            ) from error
        if not self._take_lock():
            holder = os.pread(self._lock, 20, 0).decode().strip() or "unknown"
            os.close(self._lock)
            raise CliError(
                f"another `orchestrator up` (process {holder}) runs on {self.directory};"
                " stop it, or choose another directory with --data"
            )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self._state = _read(self.directory / STATE_FILE)
        return self._end_leftovers()

    def _take_lock(self) -> bool:
        for _ in range(LOCK_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(0.05)
        return False

    def leave(self) -> None:
        """Gives the directory back."""
        os.close(self._lock)

    def port(self, name: str, preferred: int | None = None) -> int:
        """Gives the port that had this name before, if it is still free, or a new one."""
        with self._guard:
            ports = self._state.setdefault("ports", {})
            others = frozenset(port for other, port in ports.items() if other != name)
            ports[name] = free_port(ports.get(name) or preferred, others)
            self._save()
            return int(ports[name])

    def note_process(self, name: str, pid: int) -> None:
        """Remembers a process, so that the next `up` can end it if this one is killed."""
        with self._guard:
            with contextlib.suppress(psutil.NoSuchProcess):
                began = psutil.Process(pid).create_time()
                self._state.setdefault("processes", {})[name] = [pid, began]
            self._save()

    def forget_processes(self) -> None:
        """Forgets all processes; they have ended."""
        with self._guard:
            self._state.pop("processes", None)
            self._save()

    def _end_leftovers(self) -> list[str]:
        found: dict[str, psutil.Process] = {}
        for name, (pid, began) in self._state.get("processes", {}).items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                # The number may be another's by now.
                if abs(process.create_time() - began) < 1 and process.is_running():
                    process.terminate()
                    found[name] = process
        _, alive = psutil.wait_procs(list(found.values()), timeout=PATIENCE_S)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=PATIENCE_S)
        self.forget_processes()
        return list(found)

    def _save(self) -> None:
        path = self.directory / STATE_FILE
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(self._state, indent=2) + "\n")
        os.replace(draft, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):  # absent, or torn by a crash: it holds nothing that is needed
        return {}
    return found if isinstance(found, dict) else {}
