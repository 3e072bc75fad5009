"""A nest: a process that has loaded all the code and forks off others, so that a start costs next to nothing.

Processes that are killed hundreds of times would else spend the machine on their imports. They are told what to
do after the fork: nothing is connected, armed or wired before it.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

LOADED = (
    "celery.apps.worker", "celery.bin.celery", "celery.concurrency.thread", "kombu.transport.redis",
    "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn", "orchestrator.api.app", "adapters.vdsm.commands", "adapters.gluster.commands",
    "adapters.vendor", "workers.celery", "workers.process", "workers.backend", "tests.chaos.commands",
)  # fmt: skip
"""What the processes import; not what they run as `__main__`."""


class Process(Protocol):
    """What is asked of a process that was started."""

    @property
    def pid(self) -> int:
        """Its number, and that of its group."""

    def poll(self) -> int | None:
        """Gives how it ended; None while it lives."""

    def wait(self) -> int:
        """Waits for its end."""


class Nest:
    """Forks off processes; it has none of its own environment but what they all share."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nest"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **environment},
        )
        self._guard = threading.Lock()

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
        """Starts `python -m MODULE ...` in a process group of its own."""
        asked = {"command": list(command[2:]), "environment": dict(environment), "log": str(log)}
        return Hatched(self, int(self.ask(asked)))

    def ask(self, what: dict[str, Any]) -> Any:
        """Sends a line and gives the answer."""
        with self._guard:
            print(json.dumps(what), file=self._process.stdin)
            assert self._process.stdout is not None
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it; what it has forked off goes on."""
        self._process.communicate()


class Hatched:
    """A process that was forked off."""

    def __init__(self, nest: Nest, pid: int) -> None:
        self.pid = pid
        self._nest = nest
        self._ended: int | None = None

    def poll(self) -> int | None:
        """Gives how it ended; None while it lives."""
        if self._ended is None:
            self._ended = self._nest.ask({"poll": self.pid})
        return self._ended

    def wait(self) -> int:
        """Waits for its end."""
        while (ended := self.poll()) is None:
            time.sleep(0.005)
        return ended


def main() -> None:
    """Loads everything, and forks on demand until nobody asks any more."""
    for name in LOADED:
        __import__(name)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _poll(asked["poll"]) if "poll" in asked else _fork(**asked)
        print(json.dumps(answer), flush=True)


def _poll(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _fork(command: list[str], environment: dict[str, str], log: str) -> int:
    pid = os.fork()
    if pid == 0:
        _live(command, environment, log)
    os.setpgid(pid, pid)  # by us, so that it holds before anybody can kill the group
    return pid


def _live(command: list[str], environment: dict[str, str], log: str) -> NoReturn:
    """Becomes what the command line says."""
    try:
        book = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        silence = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((silence, book, book)):
            os.dup2(file, number)
        os.environ.update(environment)
        sys.argv = list(command)
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit:
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)  # whoever ends by itself is started again, however it ended


if __name__ == "__main__":
    main()
