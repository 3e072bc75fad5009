"""One play: an installation, its trees and its troubles, all chosen by the seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import greenlet  # type: ignore[import-untyped]
import structlog

from orchestrator import TryAgain
from orchestrator.core.errors import UnavailableError
from orchestrator.core.ports import Store
from orchestrator.core.reaction import Policy
from orchestrator.core.status import FINAL, TaskState
from orchestrator.engine import faults
from orchestrator.store.memory import MemoryStore
from orchestrator.testing import StageClock
from tests.model.checker import miscounted
from tests.model.plans import BAD, POISON, STUCK, UNKNOWN, Menu, draw, random_plan
from tests.simulation.actors import Crash, Process, Scheduler, Thread, Worker
from tests.simulation.crowd import Crowd, Tree
from tests.simulation.judging import verdict
from tests.simulation.scenery import CATALOG, OUTSIDE, VENDORS, WORLD, Broker
from tests.simulation.weather import break_reads, refuse_values
from workers.outage import Outage

STEPS = 120  # of trouble, before everything calms down
MOST_STEPS = 3_000
RUDE = 2  # deaths of processes, freezes, missed heartbeats: fewer than a command may outlive
DEATHS = 12
FEW_DEATHS = 4  # where some commands kill their worker each time
END_TRIES = 8
FAR = datetime(9999, 1, 1, tzinfo=UTC)
LEAVING = frozenset({"before_ack", "after_ack", "before_claim", "after_claim", "before_verb",
                     "after_verb", "before_start", "after_start", "before_publish",
                     "after_publish"})  # fmt: skip


class Play:
    """Plays one seed. `run` gives what was wrong; `events` counts what happened."""

    def __init__(
        self,
        seed: int,
        *,
        store: Callable[[Callable[[], Any]], Store] = MemoryStore,
        menu: Menu | None = None,
        verbose: bool = False,
    ) -> None:
        self.seed, self.verbose = seed, verbose
        self.rng = random.Random(seed)
        self.clock = StageClock()
        self._began = self.clock.now()
        self.passers_by = random.Random(f"{seed} passers-by")  # who leaves the others' luck alone
        self.store = store(self.clock.now)
        break_reads(self)
        refuse_values(self)
        self.catalog = CATALOG
        self.adapters = (OUTSIDE, VENDORS)
        self.fusion_s = self.rng.choice((0.0, 0.1, 1000.0))
        crew = self.rng.choice((0, 1, 2)) if self.fusion_s else 0
        self.deaths = self.rng.choice((DEATHS, DEATHS, FEW_DEATHS))
        self.policy = Policy(deaths=self.deaths, crew=crew, end_tries=END_TRIES)
        self.known_processes: list[Process] = []
        self.hides = self.rng.random() < 0.3  # /proc shows no other process
        self.outage = Outage()
        self._goes_without = self.rng.random() < 0.1  # the broker never comes back
        self.hub = greenlet.getcurrent()
        self.trouble = True
        self.rude = RUDE
        self.events: dict[str, int] = {}
        self.wrong: list[str] = []
        self._numbers = 0
        self._crash_rate = self.rng.choice((0.0, 0.002, 0.01))
        self.away_rate = self.rng.choice((0.0, 0.0, 0.02))
        self.broker = Broker(self)
        poison = POISON if self.deaths == FEW_DEATHS else ()
        self.crowd = Crowd(self, self._trees(menu or Menu(bad=(*BAD, *UNKNOWN, *STUCK, *poison))))
        self.workers = [self._new(Worker) for _ in range(2)]
        self.schedulers = [self._new(Scheduler) for _ in range(2)]

    def _trees(self, menu: Menu) -> list[Tree]:
        trees = []
        for number in range(self.rng.choice((1, 1, 2))):
            deadline = self.rng.uniform(1, 30) if self.rng.random() < 0.1 else None
            waits = () if deadline is None else ("wait",)  # nothing else bounds "not yet" for ever
            own = replace(menu, ends=(*menu.ends, *waits), undos=(*menu.undos, *waits))
            trees.append(Tree(random_plan(self.rng, own), f"key-{number}", deadline))
        return trees

    def _new(self, kind: type[Any]) -> Any:
        self._numbers += 1
        return kind(self, self._numbers)

    # --- what the simulated processes ask --------------------------------------------------------

    def time(self) -> float:
        """Gives the seconds since the play began."""
        return (self.clock.time - self._began).total_seconds()

    @property
    def current(self) -> Thread | None:
        """The thread that is running; None while the play itself decides or speaks at the desk."""
        here = greenlet.getcurrent()
        return here if isinstance(here, Thread) else None

    def sleep(self, seconds: float) -> None:
        """Leaves the thread until the time has passed. The writer's own short waits pass at once."""
        thread = self.current
        if thread is not None and not thread.process.writer._pen_is_out:
            thread.until = self.time() + seconds
            self.hub.switch()

    def say(self, line: str) -> None:
        """Tells a person who watches."""
        if self.verbose:
            print(f"{self.time():9.3f}  {line}")

    def count(self, what: str) -> None:
        """Counts something that happened."""
        self.events[what] = self.events.get(what, 0) + 1
        self.say(what)

    def at(self, point: str) -> None:
        """Stands at a fault point: dies there, loses an answer there, or is left there for a while."""
        if self.trouble:
            chance = self.rng.random()
            if chance < self._crash_rate and self.rude > 0:
                self.rude -= 1
                self.count(f"crash at {point}")
                raise Crash
            if point in ("before_commit", "after_commit") and chance > 1 - self.away_rate:
                self.count(f"database away at {point}")
                raise UnavailableError(f"the connection broke {point.replace('_', ' ')}")
        if point in LEAVING and self.current is not None and self.rng.random() < 0.4:
            self.hub.switch()

    def _weather(self, way: str) -> None:
        if self.trouble and self.rng.random() < 0.05:
            self.count(f"outside: {way} lost")
            raise TryAgain("the line is bad", after=timedelta(seconds=0.5))

    # --- the loop --------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """Plays until all is quiet; gives what was wrong, nothing when all was right."""
        with self._in_place():
            for tree in self.crowd.trees:
                self.say("plan:\n" + draw(tree.plan))
            for _ in range(self.rng.randint(0, STEPS)):
                self._trouble()
                OUTSIDE.pass_by(self.passers_by)
            self._calm_down()
            for number in range(MOST_STEPS):
                if self._calm(number):
                    break
            else:
                self.wrong.append(f"did not end in {MOST_STEPS} steps")
            while self.crowd.read_feed(limit=500):
                pass
            self.wrong += verdict(self)
        return self.wrong

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Puts the play where the program finds time, fault points and its log."""
        WORLD.__init__()  # type: ignore[misc]
        WORLD.play = self
        OUTSIDE.__init__()  # type: ignore[misc]
        OUTSIDE.time, OUTSIDE.weather = self.time, self._weather
        known, sleep, monotonic = structlog.get_config(), time.sleep, time.monotonic
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(40), processors=[self._hear]
        )
        time.sleep, time.monotonic = self.sleep, self.time  # type: ignore[assignment]
        for point in faults.POINTS:
            faults.arm(point, lambda point=point: self.at(point))  # type: ignore[misc]
        try:
            yield
        finally:
            faults.disarm()
            time.sleep, time.monotonic = sleep, monotonic
            structlog.configure(**known)
            self._end_threads()

    def _hear(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        """Takes an error in the log for what it is: something that should not have happened."""
        self.wrong.append(f"logged: {event.get('event')}: {event.get('exc_info')!r}")
        raise structlog.DropEvent

    def _end_threads(self) -> None:
        for process in self._processes():
            process.die()

    def _processes(self) -> list[Process]:
        return [*self.workers, *self.schedulers]

    def _trouble(self) -> None:
        """One step while there is trouble."""
        chance = self.rng.random()
        if chance < 0.45:
            self._work()
        elif chance < 0.60:
            self._tick()
        elif chance < 0.80:
            self._pass(self.rng.choice((0.02, 0.1, 0.5, 2.0)))
        elif chance < 0.86:
            self.crowd.submit()
        elif chance < 0.90:
            self.crowd.vendor()
        elif chance < 0.93:
            self.crowd.read_feed()
        elif chance < 0.96:
            self._watch(self.rng.choice(self.workers))
        elif chance < 0.975:
            self._be_rude()
        elif chance < 0.98:
            self._cut_off_the_broker()
        elif chance < 0.99:
            self.crowd.meddle()
        else:
            self.crowd.attach()

    def _calm(self, number: int) -> bool:
        """One step after it: fair, and until nothing is left to do."""
        if self._work() or self.crowd.submit():
            return False
        self._replace_the_dead()
        if self._is_over():
            return True
        for scheduler in self.schedulers:
            self._guarded(scheduler.tick)
        for worker in self.workers:
            self._watch(worker)
            self._guarded(worker.stand_in)
        self.crowd.vendor()
        self.crowd.read_feed(limit=20)
        if not self.broker.nudges or not any(one.has_room for one in self.workers):
            self._pass(self._until_next())
            if number % 4 == 0:
                self.crowd.settle()
        return False

    def _until_next(self) -> float:
        """Gives the seconds until something is due, so that nobody waits through empty time."""
        wakes = [one.wake_at for one in self.store.due(FAR, 100)]
        wakes += [one.wake_at for one in self.store.overdue_tasks(FAR, 100)]
        times = [(one - self._began).total_seconds() for one in wakes if one]
        times += [one["ends_at"] for one in OUTSIDE.records.values()]
        running = [one for worker in self.workers for one in worker.runner.running.values()]
        times += [one.expires for one in running if one.expires]
        times += [one.until or 0.0 for process in self._processes() for one in process.threads]
        now = self.time()
        return min((one - now for one in times if one >= now), default=2.0) + 0.01

    def _is_over(self) -> bool:
        roots = [tree.root for tree in self.crowd.trees if tree.root]
        if any(one.status not in FINAL for one in self.store.get_all(roots)):
            return False
        stored = [one for root in roots for one in self.store.tree(root)]
        tasks = self.store.tasks([one.command_id for one in stored])
        return (
            all(one.status in FINAL for one in stored)
            and all(one.state in (TaskState.CLEARED, TaskState.CLEAR_FAILED) for one in tasks)
            and not any(process.threads for process in self._processes())
            and OUTSIDE.is_quiet(self.store)
        )

    def _calm_down(self) -> None:
        self.trouble = False
        self.say("calm")
        if self._goes_without:
            self.broker.go_away()
        else:
            self.outage.end()
        for process in self._processes():
            process.frozen_until = 0.0
        self._replace_the_dead()
        self._pass(0.0)

    # --- steps -----------------------------------------------------------------------------------

    def _work(self) -> bool:
        """Goes on with a thread that was left, or delivers a nudge; False when there is neither."""
        threads = [
            one
            for process in self._processes()
            if not process.is_frozen
            for one in process.threads
            if one.until is None or one.until <= self.time()
        ]
        takers = [one for one in self.workers if one.has_room] if self.broker.nudges else []
        if takers and (not threads or self.rng.random() < 0.5):
            worker, nudge = self.rng.choice(takers), self.broker.take()
            self._guarded(lambda: worker.receive(nudge))
            return True
        if threads:
            thread = self.rng.choice(threads)
            thread.until = None
            self._guarded(thread.switch)
            return True
        return False

    def _tick(self) -> None:
        self._replace_the_dead()
        self._guarded(self.rng.choice(self.schedulers).tick)

    def _cut_off_the_broker(self) -> None:
        """Takes the broker away, or gives it back."""
        if self.outage.is_on:
            self.outage.end()
        else:
            self.count("the broker is away")
            self.broker.go_away()

    def _watch(self, worker: Worker) -> None:
        if worker.is_alive and not worker.is_frozen:
            self._guarded(lambda: worker.spawn(worker.watch))
            if self.trouble:
                self._guarded(worker.stand_in)

    def _guarded(self, do: Callable[[], Any]) -> None:
        """Does a step; what comes out of it is a fault of the program."""
        try:
            do()
        except UnavailableError:
            pass
        except Crash:
            pass
        except Exception as problem:
            self.wrong.append(f"raised: {type(problem).__name__}: {problem}")
            if self.verbose:
                raise

    def _pass(self, seconds: float, *, heartbeats: bool = True) -> None:
        """Lets time pass; whoever lives renews its lease."""
        self._count()
        self.clock.turn(timedelta(seconds=seconds))
        if heartbeats:
            for worker in self.workers:
                if worker.is_alive and not worker.is_frozen:
                    worker.heartbeat()

    def _count(self) -> None:
        """Counts what needs attention again, in the midst of it: at the end nothing does."""
        roots = [tree.root for tree in self.crowd.trees if tree.root]
        self.wrong += miscounted(one for root in roots for one in self.store.tree(root))

    def _be_rude(self) -> None:
        """Kills or freezes a process, or lets the clock jump past every lease."""
        if self.rude <= 0:
            return
        self.rude -= 1
        busy = [one for one in self._processes() if one.threads]
        process = self.rng.choice(busy or self._processes())
        match self.rng.choice(("kill", "freeze", "jump")):
            case "kill":
                self.count(f"kill -9 a {process.role}")
                process.die()
            case "freeze":
                self.count(f"freeze a {process.role}")
                process.frozen_until = self.time() + self.rng.uniform(3, 30)
            case _:
                self.count("the clock jumps")
                self._pass(self.rng.uniform(3, 40), heartbeats=False)

    def _replace_the_dead(self) -> None:
        self.workers = [one if one.is_alive else self._new(Worker) for one in self.workers]
        self.schedulers = [one if one.is_alive else self._new(Scheduler) for one in self.schedulers]
