"""What a worker does while the broker is away: it takes ready commands from the store by itself."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from functools import partial

import structlog

from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.ports import Sender
from orchestrator.engine.run import Runner

log = structlog.get_logger(__name__)

LOOK_S = 1.0


class Outage:
    """Tells whether the broker is away. The consumer knows, in the parent; its children read it in shared memory."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def begin(self) -> None:
        """Notes that there is no broker to nudge us."""
        self._shared[0] = 1

    def end(self) -> None:
        """Notes that the broker nudges us again."""
        self._shared[0] = 0

    @property
    def is_on(self) -> bool:
        """Whether the broker is away now."""
        return bool(self._shared[0])


outage = Outage()


class Standby:
    """Runs ready commands in threads of its own during an outage. Otherwise it reads one byte each second."""

    def __init__(
        self,
        runner: Runner,
        sender: Sender,
        stop: threading.Event,
        *,
        outage: Outage = outage,
        begin: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self.slots = 1
        self._outage = outage
        self._begin = begin or _in_a_thread
        self._runner = runner
        self._sender = sender
        self._stop = stop
        self._begun: set[str] = (
            set()
        )  # what its threads began with: between two verbs none is running
        self._thread = threading.Thread(target=self._watch, name="standby", daemon=True)

    def start(self) -> None:
        """Begins to watch for outages."""
        self._thread.start()

    def _watch(self) -> None:
        was_on = False  # a connection that is only being made anew is no outage
        while not self._stop.wait(LOOK_S):
            is_on = self._outage.is_on
            if is_on and was_on and not self._runner.stopping.is_set():
                self.take()
            was_on = is_on

    def take(self) -> None:
        """Begins as many ready commands as this process has free slots."""
        try:
            free = self.slots - max(len(self._begun), len(self._runner.running))
            ids = self._runner.find_ready(free) if free > 0 else []
        except (UnavailableError, ContendedError) as problem:
            log.warning("standby_waits", why=str(problem))
            return
        except Exception:
            log.exception("standby_broke")
            return
        for one in ids:
            self._begun.add(one)
            self._begin(partial(self._run, one))

    def _run(self, command_id: str) -> None:
        """Runs a command, and others, until there are none or the broker is back."""
        ids = [command_id]
        try:
            while ids:
                report = self._runner.run(ids[0])
                self._sender.launch(report.ready)
                goes_on = report.ran and self._outage.is_on and not self._runner.stopping.is_set()
                ids = self._runner.find_ready(1) if goes_on else []
        except (UnavailableError, ContendedError) as problem:
            log.warning("standby_waits", why=str(problem))
        except Exception:
            log.exception("standby_broke")
        finally:
            self._begun.discard(command_id)


def _in_a_thread(do: Callable[[], None]) -> None:
    """Begins it in a thread that is no daemon: a verb that was begun is completed when the worker is stopped."""
    threading.Thread(target=do, name="standby-run").start()
