"""How long people wait for a list: python -m benchmarks.looking [--commands N] [--store postgres|sqlite].

A million roots are stored by bulk insert; then each kind of list is asked for with many values and from any cursor,
as the API asks the monitor (page, counts, progress). Exits 1 when one takes longer than it may, 95 times of 100.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.servers import servers
from orchestrator.api.commands import nested
from orchestrator.core.catalog import Catalog
from orchestrator.core.entity import CommandEntity, NewCommand, Payload
from orchestrator.core.ids import part_id, root_id
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Mode, Status
from orchestrator.monitor.monitor import Monitor
from orchestrator.store.reading import write_cursor
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import command_entity, entity_touch, metadata

MOST_MS = 50.0
MOST_TREE_MS = 1_000.0
PARTS = 10_000
ROUNDS = 30
BATCH = 20_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = tuple(f"kind.{number}" for number in range(20))
OWNERS = tuple(f"owner-{number}" for number in range(50))
LIVE = (Status.RUNNING, Status.WAITING, Status.READY, Status.DELAYED)


def main() -> int:
    """Measures, prints a table, and says by its exit code whether every list is fast enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looking", description=__doc__)
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--store", choices=("postgres", "sqlite"), default="postgres")
    asked = parser.parse_args()
    with _store(asked.store) as store:
        began = time.monotonic()
        fill(store, asked.commands)
        print(
            f"{asked.commands} commands stored in {time.monotonic() - began:.0f} s ({asked.store})"
        )
        slow = measure(store, asked.commands)
    return int(slow)


@contextlib.contextmanager
def _store(kind: str) -> Iterator[SqlStore]:
    with contextlib.ExitStack() as stack:
        if kind == "sqlite":
            room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-looking-")))
            url = f"sqlite:///{room / 'orchestrator.db'}"
        else:
            url = stack.enter_context(stack.enter_context(servers()).fresh_database("looking"))
        store = SqlStore(make_engine(url))
        stack.callback(store.close)
        metadata.create_all(store.engine)
        yield store


def fill(store: SqlStore, commands: int) -> None:
    """Stores that many roots, the newest of them live, and one tree with many parts."""
    rng = random.Random(7)
    with store.writing() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA cache_size=-200000")
    for start in range(0, commands, BATCH):
        rows, touches = [], []
        for number in range(start, min(start + BATCH, commands)):
            row = _row(number, commands, rng)
            rows.append(row)
            for kind, one in (("vm", f"vm-{number % 10_000}"), ("host", f"h{number % 10}")):
                touches.append(
                    {
                        "entity_type": kind,
                        "entity_id": one,
                        "root_id": row["command_id"],
                        "created_at": row["created_at"],
                    }
                )
        with store.writing() as connection:
            connection.execute(sa.insert(command_entity), rows)
            connection.execute(sa.insert(entity_touch), touches)
    _large_tree(store)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "VACUUM ANALYZE" if store.engine.dialect.name == "postgresql" else "ANALYZE"
        )


def _row(number: int, commands: int, rng: random.Random) -> dict[str, object]:
    at = AT + timedelta(seconds=number)
    is_new = number > commands - 2_000
    chance = rng.random()
    status = rng.choice(LIVE) if is_new and chance < 0.5 else Status.SUCCEEDED
    if not is_new and chance < 0.03:
        status = Status.FAILED if chance < 0.02 else Status.STOPPED
    one = root_id(rng.getrandbits(128))
    return {
        "command_id": one, "root_id": one, "action_type": rng.choice(KINDS), "version": 1,
        "label": f"Remove VM vm-{number}", "action_state": status.value, "phase": "execute", "verbs": 4,
        "in_sequence": False, "best_effort": False, "parts": 0, "pending": 0, "revision": 3, "attempt": 1,
        "tries": 0, "deaths": 0, "nudges": 0, "owner_id": rng.choice(OWNERS), "owner_type": "user",
        "correlation_id": f"request-{number}", "weight": 1, "visible_to_ui": True, "created_at": at,
        "last_update_time": at, "end_time": None if status in LIVE else at, "parameters": {"vm": number},
        "entity_name": "vm", "entity_id": f"vm-{number % 10_000}", "message": None,
        "stuck": int(is_new and number % 40 == 0),
    }  # fmt: skip


def _large_tree(store: SqlStore) -> None:
    top = root_id(1 << 100)
    at = {"created_at": AT, "last_update_time": AT, "owner_id": "large"}
    root = CommandEntity(
        top, top, None, "kind.0", 1, "Large", mode=Mode.PARALLEL, parts=PARTS, status=Status.WAITING, **at
    )  # fmt: skip
    parts = [
        CommandEntity(part_id(top, one), top, top, "kind.1", 1, f"Part {one}", order=one, **at)
        for one in range(1, PARTS + 1)
    ]
    with store.begin() as tx:
        tx.insert([NewCommand(one, Payload({})) for one in (root, *parts)])


def measure(store: SqlStore, commands: int) -> bool:
    """Prints a line for each kind of list; tells whether one is too slow."""
    rng = random.Random(11)
    monitor = Monitor(store, Catalog(()))
    cursors = list(_cursors(store, commands, rng))

    def any_vm() -> str:
        return f"vm-{rng.randrange(10_000)}"

    lists: dict[str, Callable[[], CommandQuery]] = {
        "all": CommandQuery,
        "all, any cursor": lambda: CommandQuery(cursor=rng.choice(cursors)),
        "status failed": lambda: CommandQuery(statuses=(Status.FAILED,)),
        "status succeeded, any cursor": lambda: CommandQuery(
            statuses=(Status.SUCCEEDED,), cursor=rng.choice(cursors)
        ),
        "status live": lambda: CommandQuery(statuses=LIVE),
        "needs attention": lambda: CommandQuery(statuses=(Status.NEEDS_ATTENTION,)),
        "kind": lambda: CommandQuery(kind=rng.choice(KINDS)),
        "kind, any cursor": lambda: CommandQuery(
            kind=rng.choice(KINDS), cursor=rng.choice(cursors)
        ),
        "kind and status failed": lambda: CommandQuery(
            kind=rng.choice(KINDS), statuses=(Status.FAILED,)
        ),
        "owner": lambda: CommandQuery(owner=rng.choice(OWNERS)),
        "owner, any cursor": lambda: CommandQuery(
            owner=rng.choice(OWNERS), cursor=rng.choice(cursors)
        ),
        "entity": lambda: CommandQuery(entity=f"vm:{any_vm()}"),
        "entity of a tenth of all": lambda: CommandQuery(entity=f"host:h{rng.randrange(10)}"),
        "entity of a tenth, any cursor": lambda: CommandQuery(
            entity=f"h{rng.randrange(10)}", cursor=rng.choice(cursors)
        ),
        "correlation id": lambda: CommandQuery(correlation_id=f"request-{rng.randrange(commands)}"),
        "text, found": lambda: CommandQuery(text="remove vm"),
        "text, not found": lambda: CommandQuery(text="nothing is called so"),
        "text, any cursor": lambda: CommandQuery(text="vm-1", cursor=rng.choice(cursors)),
        "error": lambda: CommandQuery(error="no space"),
        "outside id": lambda: CommandQuery(external_id="unknown"),
        "id prefix": lambda: CommandQuery(id_prefix=f"{rng.randrange(16**4):04x}"),
    }
    print(f"{'list':34}{'p50 ms':>9}{'p95 ms':>9}{'may':>7}")
    slow = [
        _measured(name, lambda make=make: monitor.commands(make()), MOST_MS)  # type: ignore[misc]
        for name, make in lists.items()
    ]
    top = root_id(1 << 100)
    slow.append(
        _measured(
            f"tree of {PARTS} parts, as JSON",
            lambda: sum(map(len, nested(monitor.tree(store.tree(top)), None))),
            MOST_TREE_MS,
            rounds=5,
        )
    )
    return any(slow)


def _cursors(store: SqlStore, commands: int, rng: random.Random) -> Iterator[str]:
    """Gives cursors from all over the list."""
    wanted = [AT + timedelta(seconds=rng.randrange(commands)) for _ in range(100)]
    column = command_entity.c
    for at in wanted:
        with store.reading() as connection:
            one = connection.execute(
                sa.select(column.command_id)
                .where(column.parent_id.is_(None), column.created_at >= at)
                .order_by(column.created_at, column.command_id)
                .limit(1)
            ).scalar_one()
        found = store.get(one)
        assert found is not None
        yield write_cursor(found)


def _measured(name: str, ask: Callable[[], object], most_ms: float, rounds: int = ROUNDS) -> bool:
    ask()  # the first one plans the statement
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    is_slow = p95 > most_ms
    mark = "  too slow" if is_slow else ""
    print(f"{name:34}{statistics.median(times):>9.1f}{p95:>9.1f}{most_ms:>7.0f}{mark}", flush=True)
    return is_slow


if __name__ == "__main__":
    sys.exit(main())
