"""Readers of one feed in one process, and writers whose transactions overlap: each step is chosen by the seed.

The feed is the real one; of PostgreSQL there is what matters to it: numbers are drawn when rows are inserted, rows
appear when their transaction commits, and who writes can be asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import greenlet  # type: ignore[import-untyped]

from orchestrator.core.ids import root_id
from orchestrator.store.feed import WRITERS, Feed
from orchestrator.store.reads import Reads

STEPS = 60
READERS = 3
ROOT = root_id(1)
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Log:
    """The event log: what is committed, and what transactions that are under way have drawn."""

    def __init__(self) -> None:
        self.rows: dict[int, Any] = {}
        self.drawn: dict[str, list[int]] = {}
        self._numbers, self._transactions = 0, 0

    def write(self, rng: random.Random) -> None:
        """Begins a transaction, draws a number in one, or ends one."""
        chance = rng.random()
        if not self.drawn or chance < 0.3:
            self._transactions += 1
            self.drawn[f"9/{self._transactions}"] = []
            return
        one = rng.choice(sorted(self.drawn))
        if chance < 0.7:
            self._numbers += 1
            self.drawn[one].append(self._numbers)
        else:
            self.end(one, commits=rng.random() < 0.8)

    def end(self, one: str, *, commits: bool) -> None:
        """Has a transaction's rows appear, or its numbers be lost."""
        for number in self.drawn.pop(one):
            if commits:
                self.rows[number] = _row(number)


class SimFeed(Feed):
    """The feed over such a log. A reader may be left before each of its statements."""

    engine = cast("Any", SimpleNamespace(dialect=SimpleNamespace(name="postgresql")))

    def __init__(self, log: Log, rng: random.Random, hub: greenlet.greenlet) -> None:
        super().__init__()
        self._log, self._rng, self._hub = log, rng, hub

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        yield cast("Reads", self)

    def execute(self, statement: Any) -> Any:
        """Answers one of the feed's two questions."""
        if self._rng.random() < 0.6:
            self._hub.switch()
        if statement is WRITERS:
            writers = list(self._log.drawn)
            return SimpleNamespace(scalars=lambda: writers)
        after, limit = statement.whereclause.right.value, statement._limit_clause.value
        found = [self._log.rows[one] for one in sorted(self._log.rows) if one > after][:limit]
        return SimpleNamespace(all=lambda: found)


class Reader:
    """Reads on and on, and keeps what it saw."""

    def __init__(self, feed: SimFeed, limit: int) -> None:
        self.seen: list[int] = []
        self._feed, self._limit, self._cursor = feed, limit, 0

    def read(self) -> int:
        """Reads one page; says how much was in it."""
        page = self._feed.get_modified_commands(self._cursor, self._limit)
        self.seen.extend(one.seq for one in page.items)
        self._cursor = int(page.cursor or self._cursor)
        return len(page.items)


def play_feed(seed: int) -> list[str]:
    """Plays one seed; gives what was wrong."""
    rng, hub, log = random.Random(seed), greenlet.getcurrent(), Log()
    feed = SimFeed(log, rng, hub)
    readers = [Reader(feed, rng.choice((1, 2, 5, 50))) for _ in range(READERS)]
    under_way: dict[Reader, Any] = {}

    def step(reader: Reader) -> None:
        thread = under_way.get(reader)
        if thread is None or thread.dead:
            thread = under_way[reader] = greenlet.greenlet(reader.read)
        thread.switch()

    for _ in range(STEPS):
        if rng.random() < 0.5:
            log.write(rng)
        else:
            step(rng.choice(readers))
    for one in list(log.drawn):
        log.end(one, commits=True)
    for reader in readers:
        while len(reader.seen) < len(log.rows):
            before = len(reader.seen), reader._cursor
            for _ in range(20):
                step(reader)
            if (len(reader.seen), reader._cursor) == before:
                break
    everything = sorted(log.rows)
    return [
        f"reader {number} saw {one.seen} of {everything}"
        for number, one in enumerate(readers)
        if one.seen != everything
    ]


def _row(number: int) -> Any:
    return SimpleNamespace(
        seq=number, command_id=ROOT, root_id=ROOT, revision=number, path="pending ready",
        phase="execute", causes="Begin", attempt=0, worker_id=None, message=None, progress=None,
        at=AT, actor=None,
    )  # fmt: skip
