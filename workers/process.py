"""A worker process: its runner, its lease, and the watch over its verbs."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from orchestrator.core import event as ev
from orchestrator.core.errors import ConflictError, ContendedError, UnavailableError
from orchestrator.core.ports import WorkerRow
from orchestrator.engine.place import ProcessTable
from orchestrator.engine.writer import Request
from workers import points
from workers.outage import Standby
from workers.wiring import Wiring, wiring

log = structlog.get_logger(__name__)

ORPHAN_CHECK_S = 3.0
WATCH_S = 0.1
LOOKS = 3  # for orphans, after the last message: two make sure, and one may have been too early


class Lease:
    """Renews a process' lease in a thread of its own, however busy the others are.

    Who has claimed nothing is not missed should its lease run out, so it renews it half as often.
    """

    def __init__(
        self, wired: Wiring, role: str, name: str, *, is_idle: Callable[[], bool] = lambda: True
    ) -> None:
        self._wired = wired
        self.worker_id = f"{role}-{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._role, self._name = role, name
        table = ProcessTable()
        self._place, self._born = table.here(), table.born(os.getpid())
        self._started_at = datetime.now(UTC)
        self._is_idle = is_idle
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def start(self) -> None:
        """Registers the process and keeps it registered."""
        self.renew()
        self._thread.start()

    def stop(self) -> None:
        """Strikes the process off the register."""
        self._stop.set()
        try:
            self._wired.store.farewell(self.worker_id)
        except (UnavailableError, ContendedError) as problem:
            log.warning("farewell_failed", why=str(problem))

    def renew(self) -> None:
        """Tells the store that this process lives."""
        settings = self._wired.settings
        self._wired.store.heartbeat(
            WorkerRow(
                worker_id=self.worker_id,
                name=self._name,
                role=self._role,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=self._started_at,
                alive_until=self._wired.clock.now() + timedelta(seconds=settings.lease_seconds),
                kinds=self._wired.catalog.kinds,
                place=self._place,
                born=self._born,
            )
        )

    def _keep(self) -> None:
        while not self._stop.wait(self.rest_s):
            try:
                self.renew()
            except (UnavailableError, ContendedError) as problem:
                log.warning("heartbeat_failed", why=str(problem))
            except Exception:  # a process that lives and is held for dead would do no good
                log.exception("heartbeat_broke")

    @property
    def rest_s(self) -> float:
        """How long it waits before it renews the lease again, in seconds."""
        settings = self._wired.settings
        often = settings.heartbeat_seconds
        return (
            max(often, min(2 * often, settings.lease_seconds / 1.5)) if self._is_idle() else often
        )


class Process:
    """What a worker process has: a runner under its own worker id."""

    def __init__(self, wired: Wiring) -> None:
        points.arm_from_environment()
        self._wired = wired
        name = os.environ.get("CELERY_WORKER_NAME") or _name()
        self.lease = Lease(wired, "worker", name, is_idle=self._is_idle)
        self.runner = wired.runner(self.lease.worker_id)
        self.sender = wired.sender
        self._suspects: set[tuple[str, int]] = set()
        self._stop = threading.Event()
        self.standby = Standby(self.runner, self.sender, self._stop)
        self.lease.start()
        self.standby.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def _is_idle(self) -> bool:
        return not self.runner.awake.is_set()

    def _watch(self) -> None:
        """Fences verbs that hang, calls others for those that are slow, and gives back claims of nobody here."""
        looks_left, last_look = LOOKS, time.monotonic()
        while not self._stop.wait(WATCH_S):
            if not looks_left:
                self.runner.awake.wait()
            if self.runner.awake.is_set():
                looks_left = LOOKS
                self.runner.doze()
            try:
                self.runner.fence_expired()
                self.sender.launch(self.runner.relieve_the_slow())
                if time.monotonic() - last_look > ORPHAN_CHECK_S:
                    last_look = time.monotonic()
                    self._give_back_orphans()
                    looks_left -= 1
            except (UnavailableError, ContendedError) as problem:
                log.warning("watch_failed", why=str(problem))
            except Exception:
                log.exception("watch_broke")

    def _give_back_orphans(self) -> None:
        """A claim whose commit succeeded while its answer was lost has no thread; two looks make sure."""
        claimed = self._wired.store.claimed_by([self.lease.worker_id])
        running = {(one.command_id, one.attempt) for one in list(self.runner.running.values())}
        orphans = {(one.command_id, one.attempt) for one in claimed} - running
        for command_id, attempt in orphans & self._suspects:
            log.warning("claim_without_thread", command=command_id, attempt=attempt)
            event = ev.Postponed(
                attempt, "its claim got lost; claimed anew", timedelta(0), own=True
            )
            try:
                self._wired.writer.write(Request(command_id, event))
            except ConflictError:
                continue
        self._suspects = orphans

    def stop(self) -> None:
        """Takes no further steps; those under way are completed."""
        self.runner.stopping.set()

    def close(self) -> None:
        """Ends the watch and strikes the process off the register."""
        self._stop.set()
        self.runner.awake.set()
        self.lease.stop()


_here: dict[int, Process] = {}
_guard = threading.Lock()


def process() -> Process:
    """Gives this worker process; made at its first need, after a fork."""
    pid = os.getpid()
    with _guard:
        if pid not in _here:
            _here.clear()
            _here[pid] = Process(wiring())
        return _here[pid]


def stop_process() -> None:
    """Tells this worker process, if there is one, to take no further steps."""
    found = _here.get(os.getpid())
    if found is not None:
        found.stop()


def _name() -> str:
    """Gives the name that Celery was started with, or the host's."""
    for flag, value in zip(sys.argv, sys.argv[1:], strict=False):
        if flag in ("-n", "--hostname"):
            return value.replace("%h", socket.gethostname())
    return f"celery@{socket.gethostname()}"
