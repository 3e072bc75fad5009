"""The simulated processes: workers and schedulers that stop, die and come back between any two of their steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from orchestrator.app import Orchestrator
from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError, ContendedError, UnavailableError
from orchestrator.core.ports import WorkerRow
from orchestrator.engine.faults import Death, fault
from orchestrator.engine.poll import Poller
from orchestrator.engine.reconcile import Reconciler
from orchestrator.engine.report import Reporter
from orchestrator.engine.run import Runner
from orchestrator.engine.writer import Request, Writer
from tests.simulation.places import SimTable, settle_in
from workers.outage import Standby

if TYPE_CHECKING:
    from tests.simulation.play import Play

LEASE = timedelta(seconds=5)
THREADS = 2
POLL_INTERVAL = timedelta(seconds=1)
AWAY = (UnavailableError, ContendedError)


class Crash(Death):
    """A process dies here; nothing that comes after this is done."""


class Thread(greenlet):  # type: ignore[misc]
    """A line of execution that the play may leave in the middle and take up again later."""

    def __init__(self, process: Process, body: Callable[[], None], parent: greenlet) -> None:
        super().__init__(self._body, parent)
        self.process = process
        self._do = body
        self.until: float | None = None  # it sleeps or hangs until then

    def _body(self) -> None:
        try:
            self._do()
        except Crash:
            self.process.die()
        except AWAY:
            pass
        finally:
            self.process.threads.remove(self)


class Process:
    """What all processes have: a writer of their own, and threads that end with them."""

    role = "process"

    def __init__(self, play: Play, number: int) -> None:
        self.play = play
        self.worker_id = f"{self.role}-{number}"
        self.threads: list[Thread] = []
        self.is_alive = True
        self.died_at: datetime | None = None
        self.frozen_until = 0.0
        self.place, self.pid, self.born = "", 0, 0
        self.leases: list[tuple[int, datetime]] = []  # after which event, and until when
        settle_in(play, self)
        self.writer = Writer(play.store, play.policy, clock=play.clock, rng=play.rng)

    @property
    def is_frozen(self) -> bool:
        """Whether it was stopped for a while, and does not know it."""
        return self.play.time() < self.frozen_until

    def launch(self, commands: Sequence[CommandEntity]) -> None:
        """Sends nudges into the broker: the `Sender` of this process."""
        if not commands:
            return
        fault("before_publish")
        self.play.broker.send([one.command_id for one in commands])
        fault("after_publish")

    def spawn(self, body: Callable[[], None]) -> None:
        """Begins a thread and runs it up to its first stop."""
        thread = Thread(self, body, self.play.hub)
        self.threads.append(thread)
        thread.switch()

    def die(self) -> None:
        """Leaves everything as it is: -9."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.died_at = self.play.clock.now()
        here = getcurrent()
        for thread in [one for one in self.threads if one is not here]:
            thread.parent = here  # when it has unwound, we go on here
            thread.throw(Crash)

    def heartbeat(self) -> None:
        """Renews its lease."""
        until = self.play.clock.now() + LEASE
        self.leases.append((self.play.store.last_event(), until))
        self.play.store.heartbeat(
            WorkerRow(
                worker_id=self.worker_id,
                name=self.worker_id,
                role=self.role,
                host="a-host-of-the-simulation",
                pid=self.pid,
                place=self.place,
                born=self.born,
                started_at=datetime(2026, 1, 1, tzinfo=UTC),
                alive_until=until,
            )
        )


class Worker(Process):
    """A worker process with a few threads, and the watch over its own verbs and claims."""

    role = "worker"

    def __init__(self, play: Play, number: int) -> None:
        super().__init__(play, number)
        self.runner = Runner(
            self.writer,
            play.catalog,
            self.worker_id,
            fusion_s=play.fusion_s,
            rng=play.rng,
        )
        self._suspects: set[tuple[str, int]] = set()
        self.standby = Standby(
            self.runner, self, threading.Event(), outage=play.outage, begin=self.spawn
        )
        self.standby.slots = THREADS
        self.heartbeat()

    @property
    def has_room(self) -> bool:
        """Whether it would take a message."""
        return self.is_alive and not self.is_frozen and len(self.threads) < THREADS

    def receive(self, command_id: str) -> None:
        """Handles one message."""

        def handle() -> None:
            fault("before_ack")
            fault("after_ack")
            self.launch(self.runner.run(command_id).ready)

        self.spawn(handle)

    def stand_in(self) -> None:
        """Takes work by itself, should the broker be away."""
        if self.play.outage.is_on and self.has_room:
            self.standby.take()

    def watch(self) -> None:
        """Fences verbs that hang, and gives back claims of its own that no thread knows of.

        It may suspect a thread that was left between its claim and its verb: that must do no harm either.
        """
        self.runner.fence_expired()
        claimed = self.play.store.claimed_by([self.worker_id])
        running = {(one.command_id, one.attempt) for one in self.runner.running.values()}
        orphans = {(one.command_id, one.attempt) for one in claimed} - running
        for command_id, attempt in orphans & self._suspects:
            event = ev.Postponed(
                attempt, "its claim got lost; claimed anew", timedelta(0), own=True
            )
            try:
                self.writer.write(Request(command_id, event))
            except ConflictError:
                continue
        self._suspects = orphans


class Scheduler(Process):
    """A scheduler: leads or waits to, and looks at everything that is due."""

    role = "scheduler"

    def __init__(self, play: Play, number: int) -> None:
        super().__init__(play, number)
        self.reporter = Reporter(self.writer)
        self.reconciler = Reconciler(
            self.writer, self.reporter, self, play.clock, table=SimTable(play, self)
        )
        self.poller = Poller(
            self.writer,
            self.reporter,
            {one.name: one for one in play.adapters},
            self,
            play.clock,
            interval=POLL_INTERVAL,
        )

    def tick(self) -> None:
        """Looks once, if it leads."""
        if self.threads or not self.is_alive or self.is_frozen:
            return
        self.spawn(self._tick)

    def _tick(self) -> None:
        try:
            if not self.play.store.lead("scheduler", self.worker_id, 3.0):
                self.reconciler.step_down()
                return
            self.reconciler.tick()
            self.poller.tick()
        except AWAY:
            self.reconciler.step_down()


class Desk(Process):
    """The API process: callers, operators and vendors speak through it."""

    role = "api"

    def __init__(self, play: Play, number: int) -> None:
        super().__init__(play, number)
        self.orchestrator = Orchestrator(play.store, self.writer, play.catalog, self)
