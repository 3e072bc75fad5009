"""Who is measured: each peer, where it runs, what it can do, and the reason where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FLOOR_WORK = "0"
OWN = "measured for us only"
NO_EMBEDDED = "has no embedded default"
NO_JOIN = "has no join of its own; a counter beside it would measure our code"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A contestant.

    `environment` names its requirement file and virtual environment; None is the benchmark's own.
    `works` are the letters that it plays, `cannot` the reasons by letter or key. `share` is the part
    of the commands that a slow one gets; rates do not depend on it. `setting` says how it is run.
    """

    name: str
    module: str
    environment: str | None
    works: str
    setting: str
    python: tuple[int, int] = (3, 11)
    cannot: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    node_packages: tuple[str, ...] = ()

    @property
    def is_floor(self) -> bool:
        """Tells whether it is no engine but a limit that engines are held against."""
        return self.works == FLOOR_WORK

    def plays(self, work: str) -> bool:
        """Tells whether it plays the work with this key."""
        return work[0] in self.works and work not in self.cannot

    def reason(self, work: str) -> str:
        """Says why it does not play a work."""
        return self.cannot.get(work) or self.cannot.get(work[0], OWN)


FLOOR = Peer(
    name="floor",
    module="benchmarks.floor",
    environment=None,
    works=FLOOR_WORK,
    setting="psycopg, one statement per step: compare-and-set by key and insert of an event",
)
PGBENCH = Peer(
    name="pgbench",
    module="benchmarks.pgbench",
    environment=None,
    works=FLOOR_WORK,
    setting="the floor's statement sent by pgbench: the database without Python",
)
OURS = Peer(
    name="ours",
    module="benchmarks.ours",
    environment=None,
    works="abcdefghi",
    setting="PostgreSQL and Redis, two workers with 16 threads, one scheduler, fusion on",
)
UNFUSED = Peer(
    name="ours-unfused",
    module="benchmarks.unfused",
    environment=None,
    works="abc",
    setting="as ours, fusion off: a message for every step, chains and chords by Celery",
)

PEERS = (
    FLOOR,
    PGBENCH,
    OURS,
    UNFUSED,
    Peer(
        name="celery",
        module="benchmarks.peers.celery",
        environment="celery",
        works="abcdfi",
        setting="chain and chord on Redis, Redis results, acks late, 8 threads a worker, "
        "visibility timeout 15 s (the default of 1 h would outlast the benchmark)",
        cannot={"h": NO_EMBEDDED},
    ),
    Peer(
        name="dbos",
        module="benchmarks.peers.dbos",
        environment="dbos",
        works="abcdfi",
        setting="PostgreSQL, workflows enqueued by a client, 16 at a time a worker, queue polled "
        "every 50 ms (default 1 s); children are gathered steps; latency within one process",
        cannot={"h": "its SQLite mode is measured as dbos-sqlite"},
    ),
    Peer(
        name="dbos-sqlite",
        module="benchmarks.peers.dbos",
        environment="dbos",
        works="h",
        setting="SQLite, submitted and run in one process",
        cannot=dict.fromkeys("abcdfi", "SQLite is measured for the embedded work only"),
    ),
    Peer(
        name="procrastinate",
        module="benchmarks.peers.procrastinate",
        environment="procrastinate",
        works="acdfi",
        setting="PostgreSQL, each job defers the next, 8 at a time a worker, stalled jobs "
        "retried as its manual advises, heartbeat 1 s and stalled after 3 s (defaults 10 and 30)",
        cannot={"b": NO_JOIN, "h": NO_EMBEDDED},
    ),
    Peer(
        name="oban",
        module="benchmarks.peers.oban",
        environment="oban",
        python=(3, 12),
        works="acdfi",
        setting="PostgreSQL, each job inserts the next (workflows are in its paid edition), "
        "8 at a time a worker, rescue every 1 s (default 60)",
        cannot={"b": "joins are in its paid edition", "h": NO_EMBEDDED},
    ),
    Peer(
        name="taskflow",
        module="benchmarks.peers.taskflow",
        environment="taskflow",
        works="abcdi",
        share=0.1,
        setting="PostgreSQL persistence, 8 flows at a time a process, fed by the benchmark",
        cannot={
            "b1": "takes 50 s and more for 1,000 tasks in one flow, minutes for 10,000",
            "f": "a flow is run by whoever makes it; there is no submit",
            "h": NO_EMBEDDED,
        },
    ),
    Peer(
        name="prefect",
        module="benchmarks.peers.prefect",
        environment="prefect",
        works="abci",
        share=0.04,
        setting="its own server on PostgreSQL, flows called in two processes, fed by the benchmark",
        cannot={
            "d": "does not go on with a flow run whose process died",
            "f": "flows are called, not submitted; served ones start seconds later",
            "h": NO_EMBEDDED,
        },
    ),
    Peer(
        name="restate",
        module="benchmarks.peers.restate",
        environment="restate",
        works="abcdfi",
        setting="its own server, one service process per worker, invoked over HTTP",
        node_packages=("@restatedev/restate-server@1.7.12",),
        cannot={"h": NO_EMBEDDED},
    ),
)
