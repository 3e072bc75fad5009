"""Makes the store, the broker and the outside agree again: timers, lost nudges, dead workers, silence.

Every look is a set-based question to the store, asked again and again; there is no recovery at start-up and no list
that could get old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError, ContendedError, UnavailableError
from orchestrator.core.ports import Clock, Sender, Signs, Store, WorkerRow
from orchestrator.core.status import Status
from orchestrator.engine.control import Control
from orchestrator.engine.place import NOWHERE, ProcessTable
from orchestrator.engine.report import Reporter
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

LIMIT = 500
CERTAIN_AFTER = timedelta(seconds=3)
LONG_OVERDUE = timedelta(seconds=30)
REMEMBERED = timedelta(minutes=1)  # a process that lives renews its lease well within that
FRESH = timedelta(seconds=5)
LOOK_AGAIN = timedelta(seconds=10)
UNKNOWN_FIRST, UNKNOWN_MOST = timedelta(seconds=1), timedelta(seconds=15)
KNOWN_MOST = timedelta(seconds=5)  # between two nudges for what some worker could run


class Reconciler:
    """The scheduler's look at everything that is due. Several may run; one leads at a time."""

    def __init__(
        self,
        writer: Writer,
        reporter: Reporter,
        sender: Sender,
        clock: Clock,
        *,
        queued: Callable[[], int] = lambda: 0,
        table: ProcessTable | None = None,
    ) -> None:
        self.writer = writer
        self.store: Store = writer.store
        self.reporter = reporter
        self.control = Control(writer)
        self.sender = sender
        self.clock = clock
        self.queued = queued
        self._table = table or ProcessTable()
        self._here = self._table.here()
        self._leading_since: datetime | None = None
        self._neighbours: list[WorkerRow] = []
        self._neighbours_at: datetime | None = None
        self._looked_again_at: datetime | None = None
        self._unreadable: set[str] = set()  # those that were logged
        self._gone: dict[
            str, datetime
        ] = {}  # until when their leases ran as the kernel denied them

    def tick(self) -> int:
        """Handles all that is due now; says how much that was."""
        now = self.clock.now()
        self._leading_since = self._leading_since or now
        signs = self.store.signs(now)
        return sum(
            (
                self.wake() if signs.due else 0,
                self.release_the_dead() if self._may_be_dead(signs, now) else 0,
                self.handle_silence() if signs.overdue_tasks else 0,
                self.stop_the_overdue() if signs.overdue_roots else 0,
                self.look_again() if self._is_time_to_look(now) else 0,
            )
        )

    def step_down(self) -> None:
        """Forgets how long it has led: the next time, deaths are not believed at once."""
        self._leading_since = None

    # --- timers and lost nudges ------------------------------------------------------------------

    def wake(self) -> int:
        """Launches what sleeps no longer, and what a lost nudge left ready; says how many that were."""
        now = self.clock.now()
        due = self._readable(self.store.due(now, LIMIT))
        surely = [one for one in due if _is_really_due(one, now)]
        # Where enough messages wait for workers, what is late may be late and not lost.
        if len(surely) < len(due) <= len(surely) + self.queued():
            due = surely
        # Who lacks a kind drops its nudges: where others have it, the next nudge may find one of those.
        known = {kind for one in self.store.workers() for kind in one.kinds} if due else set()
        for one in due:
            if known and one.kind not in known and one.nudges:
                said = f"no worker that is alive knows the kind {one.kind!r}; start one that does"
                self._tell(one.command_id, ev.NoWorker(said, UNKNOWN_FIRST, UNKNOWN_MOST))
            else:
                self._tell(one.command_id, ev.Woken(KNOWN_MOST if one.kind in known else None))
        return len(due)

    def _readable(self, found: list[CommandEntity]) -> list[CommandEntity]:
        """Leaves out what cannot be read, and says once what that is."""
        for one in found:
            if one.unreadable is not None and one.command_id not in self._unreadable:
                self._unreadable.add(one.command_id)
                log.error("command_unreadable", command=one.command_id, why=one.unreadable)
        return [one for one in found if one.unreadable is None]

    def _tell(
        self,
        command_id: str,
        event: ev.Event,
        before: Callable[[UnitOfWork], None] | None = None,
    ) -> bool:
        try:
            done = self.writer.write(Request(command_id, event, before=before))
        except (ConflictError, ContendedError):
            return False  # it has moved on since we looked, or somebody is at it now
        except UnavailableError:
            raise
        except Exception:
            log.exception("command_in_the_way", command=command_id)
            return False  # whatever is wrong with it, those after it shall not wait for it
        self.sender.launch(done.ready)
        return done.accepted

    # --- dead workers ----------------------------------------------------------------------------

    def release_the_dead(self) -> int:
        """Takes their claims from workers that died; says how many claims that were."""
        now = self.clock.now()
        self._leading_since = self._leading_since or now
        workers = self.store.workers()
        registered = {one.worker_id for one in workers}
        for one, until in list(self._gone.items()):
            if one not in registered and now - until > REMEMBERED:
                del self._gone[one]
        leases: dict[str, datetime | None] = dict.fromkeys(self.store.strangers())
        dead = {one.worker_id: one.alive_until for one in workers if self._is_dead(one, now)}
        leases.update(dead)
        held = self.store.claimed_by(list(leases)) if leases else []
        for command in held:
            self._release(command, leases)
        for worker_id, seen in dead.items():
            if not self.store.claimed_by([worker_id]):
                self.store.farewell(worker_id, seen=seen)
        return len(held)

    def _release(self, command: CommandEntity, leases: Mapping[str, datetime | None]) -> None:
        """Takes a claim from its worker, unless that has renewed its lease since it was looked at."""
        worker_id = command.worker_id or ""
        seen = leases[worker_id]

        def check(unit: UnitOfWork) -> None:
            if unit.tx.lease_of(worker_id) != seen:
                raise ConflictError(f"worker {worker_id} has renewed its lease: it lives")

        if self._tell(command.command_id, ev.Abandoned(worker_id), before=check):
            log.info("claim_released", command=command.command_id, worker=worker_id)

    def _may_be_dead(self, signs: Signs, now: datetime) -> bool:
        """Looks whether the processes of this machine are there; now and then at who they are, and how."""
        if signs.silent_workers or signs.strangers:
            return True
        if self._neighbours_at is None or not timedelta(0) <= now - self._neighbours_at < FRESH:
            self._neighbours_at = now
            self._neighbours = [one for one in self.store.workers() if self._is_neighbour(one)]
            return not all(self._table.lives(one.pid, one.born) for one in self._neighbours)
        return not all(self._table.knows(one.pid) for one in self._neighbours)

    def _is_neighbour(self, worker: WorkerRow) -> bool:
        return worker.place == self._here != NOWHERE

    def _is_dead(self, worker: WorkerRow, now: datetime) -> bool:
        """Believes a process table at once, a lease only when it has itself been there to see it renewed.

        A table that has been wrong about a process is not asked about it again: who renews a lease lives.
        """
        if self._is_neighbour(worker) and not self._table.lives(worker.pid, worker.born):
            if worker.alive_until <= self._gone.setdefault(worker.worker_id, worker.alive_until):
                return True
        since = self._leading_since or now
        return worker.alive_until < now and now - since > CERTAIN_AFTER

    # --- silence and deadlines -------------------------------------------------------------------

    def handle_silence(self) -> int:
        """Handles async tasks whose lease or deadline has passed; says how many."""
        overdue = self.store.overdue_tasks(self.clock.now(), LIMIT)
        for task in overdue:
            try:
                ready = self.reporter.overdue(task)
            except (ConflictError, ContendedError):
                continue
            except UnavailableError:
                raise
            except Exception:
                log.exception("task_in_the_way", task=task.task_id)
                continue  # as with commands: those after it shall not wait for it
            self.sender.launch(ready)
        return len(overdue)

    def stop_the_overdue(self) -> int:
        """Stops roots whose deadline has passed; says how many."""
        overdue = self.store.overdue_roots(self.clock.now(), LIMIT)
        for command_id in overdue:
            try:
                ready = self.control.expire(
                    command_id, "its deadline has passed", actor="scheduler"
                )
            except ConflictError:
                continue
            self.sender.launch(ready)
        return len(overdue)

    def look_again(self) -> int:
        """Stops what goes on in trees that are being stopped, and wakes what nobody would; says how many.

        Whatever let a part miss the word (an older version, a change by hand): its tree does not wait for it.
        """
        found = self.store.stragglers(LIMIT)
        for one in found:
            log.warning("straggler", command=one.command_id, stopping=one.stopping)
            self._tell(
                one.command_id,
                ev.Woken()
                if one.stopping is None
                else ev.Stop(one.stopping, one.reason, passed_on=True),
            )
        return len(found)

    def _is_time_to_look(self, now: datetime) -> bool:
        last = self._looked_again_at
        if last is not None and timedelta(0) <= now - last < LOOK_AGAIN:
            return False
        self._looked_again_at = now
        return True


def _is_really_due(command: CommandEntity, now: datetime) -> bool:
    if command.status is not Status.READY or command.wake_at is None:
        return True
    return now - command.wake_at > LONG_OVERDUE
