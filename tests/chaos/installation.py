"""One whole installation in a room of its own: database, broker, workers, schedulers, an outside system."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import Orchestrator
from orchestrator.engine.faults import POINTS
from orchestrator.store.sql import SqlStore
from tests.chaos.commands import MODEL_DIR
from tests.chaos.crew import Crew, Member
from tests.chaos.outside import PORT, Books
from tests.chaos.servers import Broker, Database, make_database
from tests.model.world import FileWorld
from tests.services import free_port
from workers import connect

REPOSITORY = Path(__file__).parents[2]
MODULES = "tests.chaos.commands"
MINUTES_WRONG = 7
MAX_DEATHS = 50  # who is merely unlucky shall not count as poisonous
RARE = {"before_start": 12, "after_start": 12, "before_publish": 30, "after_publish": 30}
"""At which pass at the latest a process acts, of points that are seldom passed."""
OFTEN = 200  # so that a worker gets something done before it dies
SCHEDULERS_POINTS = ("before_publish", "after_publish", "before_commit", "after_commit")


@dataclass(slots=True)
class Faults:
    """Arms each incarnation of a process with a fault point, until it is told to be quiet.

    First it kills at each point that no process has been killed at yet, then it does this and that.
    """

    rng: random.Random
    points: tuple[str, ...]
    log: Path
    is_quiet: bool = False

    def environment(self, incarnation: int) -> Mapping[str, str]:
        """Gives what the process finds in its environment."""
        if self.is_quiet:
            return {}
        left = unseen(self.log, self.points)
        if left:
            return {"ORCHESTRATOR_FAULTS": f"{self.rng.choice(left)}@{self.rng.randint(1, 3)}"}
        point = self.points[incarnation % len(self.points)]
        act = self.rng.choice(("kill", "kill", "kill", "freeze"))
        if point.endswith("_commit") and self.rng.random() < 0.5:
            act = "lose"
        passes = self.rng.randint(1, RARE.get(point, OFTEN))
        return {"ORCHESTRATOR_FAULTS": f"{point}@{passes}:{act}"}


def seen(log: Path) -> list[str]:
    """Gives the acts of fault points so far, as `point:act`."""
    return log.read_text().split() if log.exists() else []


def unseen(log: Path, points: tuple[str, ...] = POINTS) -> list[str]:
    """Gives the points that have not killed a process yet."""
    killed = {one.partition(":")[0] for one in seen(log) if one.endswith(":kill")}
    return [one for one in points if one not in killed]


@dataclass(slots=True)
class Installation:
    """What the gremlin breaks, and what everybody else works with."""

    room: Path
    database: Database
    broker: Broker
    crew: Crew
    faults: tuple[Faults, ...]
    outside: Books

    @property
    def world(self) -> FileWorld:
        """The ledger that the verbs write."""
        return FileWorld(self.room)

    @property
    def fault_log(self) -> Path:
        """The file that every act of a fault point is noted in."""
        return self.room / "faults"

    def calm(self) -> None:
        """Disarms all processes: those that were armed start anew."""
        for one in self.faults:
            one.is_quiet = True
        self.crew.thaw_all()
        for name in (*self.crew.named("worker"), *self.crew.named("scheduler")):
            self.crew.kill(name)


@contextmanager
def installation(
    room: Path,
    kind: str,
    rng: random.Random,
    *,
    settings: Mapping[str, str] | None = None,
    modules: str = MODULES,
    disk: Path | None = None,
) -> Iterator[Installation]:
    """Sets up database, broker and outside system; processes are hired by `staff`.

    `disk` is where the database lives, if not in the room.
    """
    with ExitStack() as stack:
        database = make_database(kind, disk or room)
        stack.callback(database.close)
        broker = Broker(room, embedded=kind == "sqlite")
        stack.callback(broker.close)
        port = free_port()
        environment = {
            "ORCHESTRATOR_DATABASE_URL": database.url,
            "ORCHESTRATOR_BROKER_URL": broker.url,
            "ORCHESTRATOR_DATA_DIR": str(
                room / "data"
            ),  # closed to others; PostgreSQL is one of them
            "ORCHESTRATOR_MODULES": modules,
            "ORCHESTRATOR_POLL_SECONDS": "0.5",
            "ORCHESTRATOR_FAULT_LOG": str(room / "faults"),
            MODEL_DIR: str(room),
            PORT: str(port),
            "ORCHESTRATOR_MAX_DEATHS": str(MAX_DEATHS),
            **(settings or {}),
        }
        os.environ.update(environment)  # the harness is one more process of the installation
        stack.callback(lambda: [os.environ.pop(name, None) for name in environment])
        crew = stack.enter_context(Crew(room, environment, rng=random.Random(rng.random())))
        books = room / "outside.db"
        crew.hire(
            Member("outside", [sys.executable, "-m", "tests.chaos.outside", str(port), str(books)])
        )
        yield Installation(room, database, broker, crew, (), Books(books))


def staff(here: Installation, rng: random.Random, *, with_faults: bool = True) -> None:
    """Hires workers of every sort and two schedulers; some are armed, one has a wrong clock."""
    log = here.fault_log
    armed = Faults(random.Random(rng.random()), POINTS, log, not with_faults)
    unfused = Faults(random.Random(rng.random()), tuple(reversed(POINTS)), log, not with_faults)
    leading = Faults(random.Random(rng.random()), SCHEDULERS_POINTS, log, not with_faults)
    here.faults = (armed, unfused, leading)
    # Embedded, all processes have the one wall clock of their machine, and it is the store's clock.
    is_embedded = here.database.url.startswith("sqlite")
    wrong_clock = skewed(here.room, MINUTES_WRONG * 60) if with_faults and not is_embedded else {}

    def unfusing(incarnation: int) -> Mapping[str, str]:
        return {"ORCHESTRATOR_FUSION": "false", **unfused.environment(incarnation)}

    def with_wrong_clock(_: int) -> Mapping[str, str]:
        return {} if leading.is_quiet else wrong_clock

    # Those that die most are forked off; the others begin as a deployment has them begin.
    here.crew.hire(Member("worker-armed", worker("armed"), armed.environment, is_hatched=True))
    here.crew.hire(Member("worker-unfused", worker("unfused"), unfusing, is_hatched=True))
    forks = worker("forks", pool="prefork", concurrency=2)
    here.crew.hire(Member("worker-forks", forks, with_wrong_clock))
    here.crew.hire(Member("scheduler-armed", SCHEDULER, leading.environment, is_hatched=True))
    here.crew.hire(Member("scheduler-skewed", SCHEDULER, with_wrong_clock))


@contextmanager
def front_door() -> Iterator[Orchestrator]:
    """Gives the front door of the installation that was set up last, and closes it."""
    front = connect()
    try:
        yield front
    finally:
        if isinstance(front.store, SqlStore):
            front.store.close()


SCHEDULER = (sys.executable, "-m", "workers.schedule")


def worker(name: str, *, pool: str = "threads", concurrency: int = 8) -> list[str]:
    """Gives the command line of a worker."""
    line = [sys.executable, "-m", "celery", "-A", "workers", "worker", "-n", f"{name}@%h"]
    line += ["--pool", pool, "--concurrency", str(concurrency), "--loglevel", "WARNING"]
    return [*line, "--without-mingle", "--without-gossip"]


def skewed(room: Path, seconds: int) -> Mapping[str, str]:
    """Gives the environment of a process whose wall clock is wrong; empty without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    library = room / "skew.so"
    if not library.exists():
        source = Path(__file__).with_name("skew.c")
        done = subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"],
            check=False,
            capture_output=True,
        )
        if done.returncode:
            return {}
    return {"LD_PRELOAD": str(library), "CHAOS_SKEW_S": str(seconds)}
