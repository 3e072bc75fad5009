"""Runs commands: claims one, calls its verb, completes it and claims what follows, as long as it may."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from orchestrator.core import event as ev
from orchestrator.core.catalog import Catalog
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ContendedError, UnavailableError, UnreadableRowError
from orchestrator.engine.call import Caller
from orchestrator.engine.faults import fault
from orchestrator.engine.report import Reporter
from orchestrator.engine.tree import Limits
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Claimed, Request, Writer, call_hand

log = structlog.get_logger(__name__)

ROW_AGAIN_IN = timedelta(minutes=1)
SLOW_S = 0.1  # a verb that takes longer is worth a message of its own


@dataclass(slots=True)
class Running:
    """A verb that a thread of this process is in."""

    command_id: str
    attempt: int
    began: float  # on the monotonic clock, as is `expires`
    expires: float | None
    is_relieved: bool = False


@dataclass(slots=True)
class RunReport:
    """What came of one message: who was left ready, and which roots have ended."""

    ran: int = 0
    ready: list[CommandEntity] = field(default_factory=list)
    ended_roots: list[str] = field(default_factory=list)


class Runner:
    """Runs commands in the threads of one process, under that process' worker id.

    `fusion_s` is how long one message may go on with what follows, so that nobody starves; 0 means that each
    message runs one verb.
    """

    def __init__(
        self,
        writer: Writer,
        catalog: Catalog,
        worker_id: str,
        *,
        fusion_s: float = 1.0,
        limits: Limits | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.writer = writer
        self.catalog = catalog
        self.worker_id = worker_id
        self.fusion_s = fusion_s
        self.caller = Caller(
            catalog,
            writer.store,
            Reporter(writer),
            limits or Limits(),
            rng or random.SystemRandom(),
        )
        self.running: dict[
            tuple[str, int], Running
        ] = {}  # a fenced verb may still run beside a new try
        self._kinds = frozenset(catalog.kinds)
        self._takes_any = bool(fusion_s and writer.policy.crew)
        self.awake = threading.Event()  # some message is worked on, or was since `doze`
        self._threads: set[int] = set()
        self.stopping = threading.Event()

    def run(self, command_id: str) -> RunReport:
        """Runs the command, if it is to be had, and what follows from it while time allows."""
        self._threads.add(threading.get_ident())
        self.awake.set()
        try:
            return self._run(command_id)
        finally:
            self._threads.discard(threading.get_ident())

    def find_ready(self, limit: int) -> list[str]:
        """Gives the ids of ready commands that this worker could run, for when nobody can nudge it."""
        found: list[str] = []

        def look(unit: UnitOfWork) -> None:
            found.extend(unit.ready(self._kinds, limit, ahead=0)[0])

        self.writer.write(Request("", work=look))
        return found

    def doze(self) -> None:
        """Has `awake` tell from now on, for those who have no need to watch where nothing happens."""
        self.awake.clear()
        if self._threads:
            self.awake.set()

    def _run(self, command_id: str) -> RunReport:
        report = RunReport()
        until = time.monotonic() + self.fusion_s
        fault("before_claim")
        claimed = self._write(
            Request(
                command_id,
                worker_id=self.worker_id,
                kinds=self._kinds,
                takes_any=self._takes_any,
            ),
            report,
        )
        continued = False
        while claimed is not None:
            fault("after_claim")
            report.ran += 1
            request = self._call(claimed, continued=continued)
            continued = isinstance(
                request.event, ev.Suspended
            )  # it is to be started: no time to wait
            in_time = time.monotonic() < until and not self.stopping.is_set()
            request.worker_id = self.worker_id if continued or in_time else None
            claimed = self._write_outcome(claimed.command, request, report)
        return report

    def _write_outcome(
        self, entity: CommandEntity, request: Request, report: RunReport
    ) -> Claimed | None:
        """Writes what came of a verb; where that cannot be, writes that it cannot, which counts as a failed try."""
        try:
            return self._write(request, report)
        except (UnavailableError, ContendedError):
            raise
        except UnreadableRowError as problem:  # a neighbour's row: no verdict on this one
            later = ev.Postponed(entity.attempt, str(problem), ROW_AGAIN_IN, own=True)
            waits = Request(entity.command_id, later, worker_id=request.worker_id)
            return self._write(self._prepared(waits, entity), report)
        except Exception as problem:
            failed = self.caller.not_stored(entity, problem)
            failed.worker_id = request.worker_id
            return self._write(self._prepared(failed, entity), report)

    def _call(self, claimed: Claimed, *, continued: bool) -> Request:
        entity = claimed.command
        timeout = self.caller.timeout_of(entity)
        began = time.monotonic()
        expires = began + timeout.total_seconds() if timeout else None
        place = (entity.command_id, entity.attempt)
        self.running[place] = Running(*place, began, expires)
        try:
            request = self.caller.call(claimed, continued=continued)
        finally:
            self.running.pop(place, None)
        return self._prepared(request, entity)

    def _prepared(self, request: Request, entity: CommandEntity) -> Request:
        request.kinds = self._kinds
        request.takes_any = self._takes_any
        request.near = _near(entity)
        request.seen = entity
        return request

    def _write(self, request: Request, report: RunReport) -> Claimed | None:
        """Writes until it is written: what a verb did is not lost because the database is away."""
        wait = 0.05
        while True:
            try:
                self.writer.write(request)
                break
            except (UnavailableError, ContendedError) as problem:
                if request.event is None or self.stopping.is_set():
                    raise
                log.warning(
                    "result_waits_for_database", command=request.command_id, why=str(problem)
                )
                time.sleep(wait)
                wait = min(wait * 2, 2.0)
                request = replace(request, has_pen=False, error=None)
        report.ready.extend(request.ready)
        report.ended_roots.extend(request.ended_roots)
        return request.claimed

    def fence_expired(self) -> int:
        """Fails, under their attempt, the verbs that ran past their timeout; says how many there were.

        The thread cannot be killed; what it says later is ignored.
        """
        now = time.monotonic()
        expired = [one for one in list(self.running.values()) if one.expires and one.expires < now]
        for one in expired:
            command = self.writer.store.get(one.command_id)
            if command is not None:
                reason = f"{command.phase} ran past its timeout"
                event = ev.Failed(one.attempt, reason, self.caller.retry_in(command))
                self.writer.write(Request(one.command_id, event))
            one.expires = None  # not before it is written: the database may be away just now
        return len(expired)

    def relieve_the_slow(self) -> list[CommandEntity]:
        """Gives a ready command to be nudged for each verb that has taken long: its thread is no hand for now."""
        before = time.monotonic() - SLOW_S
        slow = [
            one for one in list(self.running.values()) if one.began < before and not one.is_relieved
        ]
        if not slow or not self._takes_any:
            return []
        called: list[CommandEntity] = []

        def call(unit: UnitOfWork) -> None:
            ids, _ = unit.ready(self._kinds, len(slow), ahead=0)
            called[:] = [call_hand(unit, one) for one in ids]

        self.writer.write(Request("", work=call))
        for one in slow:
            one.is_relieved = True
        return called


def _near(entity: CommandEntity) -> tuple[str, ...]:
    """Names what completing this command will touch."""
    follows = entity.next_id if entity.in_sequence and entity.next_id else entity.parent_id
    return (follows,) if follows else ()
