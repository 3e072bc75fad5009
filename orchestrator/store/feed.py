"""The feed: the event log read in order without gaps, although writers commit out of order.

Numbers are drawn when a row is inserted, so a transaction may commit after one with a higher number. The reader
stops before a missing number until it knows what became of it: either the row appears, or every
transaction that was under way when the hole was seen has ended, and the number was lost in a rollback.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import Transition
from orchestrator.core.query import Page
from orchestrator.store import codec
from orchestrator.store.tables import event

SNAPSHOT = sa.text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint"
    " FROM pg_current_snapshot() AS s"
)
HOLES_KEPT = 10_000


class Feed:
    """Reads the event log. Keeps in memory which holes it has seen, and when."""

    engine: sa.Engine

    def __init__(self) -> None:
        self._holes: dict[int, int] = {}  # missing number → first transaction id not yet given out

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        """Gives what happened after that number, oldest first; the page's cursor is where to go on."""
        statement = sa.select(event).where(event.c.seq > after).order_by(event.c.seq).limit(limit)
        with self.reading() as connection:
            # The snapshot is asked for first: a transaction it calls ended is visible to what follows.
            oldest, newest = self._snapshot(connection)
            rows = connection.execute(statement).all()
        found: list[Transition] = []
        expected = after + 1
        for row in rows:
            if row.seq != expected and not self._all_lost(expected, row.seq, oldest, newest):
                break
            found.append(codec.to_transition(row))
            expected = row.seq + 1
        return Page(tuple(found), str(found[-1].seq if found else after))

    def last_event(self) -> int:
        """Gives the number of the newest event; 0 when there is none."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(event.c.seq))).scalar() or 0

    def _snapshot(self, connection: sa.Connection) -> tuple[int, int]:
        if self.engine.dialect.name != "postgresql":
            return 1, 0  # SQLite's writers come one after the other: what is missing is lost
        row: Any = connection.execute(SNAPSHOT).one()
        return row[0], row[1]

    def _all_lost(self, first: int, end: int, oldest: int, newest: int) -> bool:
        """Tells whether the numbers from `first` to before `end` will never appear."""
        if oldest > newest:
            return True
        lost = True
        for number in range(max(first, end - HOLES_KEPT), end):
            seen_at = self._holes.setdefault(number, newest)
            lost = lost and oldest >= seen_at
        if lost or len(self._holes) > HOLES_KEPT:
            for number in range(max(first, end - HOLES_KEPT), end):
                self._holes.pop(number, None)
        return lost
