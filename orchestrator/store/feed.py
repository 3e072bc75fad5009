"""The feed: the event log read in order without gaps, although writers commit out of order.

Numbers are drawn when a row is inserted, so a transaction may commit after one with a higher number. The reader
stops before a missing number until it knows what became of it: either the row appears, or every
transaction that was writing to the log when the hole was seen has ended, and the number was lost in a rollback.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import Transition
from orchestrator.core.query import Page
from orchestrator.store import codec
from orchestrator.store.tables import event

WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND relation = 'event'::regclass AND pid <> pg_backend_pid()"
)
"""Who writes to the log now: an insert takes this lock before it draws a number, and keeps it to the end.

(Transaction ids would not do: one may be given to a writer after another, with a later number, has been seen.)
"""
HOLES_KEPT = 10_000


class Feed:
    """Reads the event log. Keeps in memory which holes it has seen, and who might yet fill them."""

    engine: sa.Engine

    def __init__(self) -> None:
        self._holes: dict[int, frozenset[str]] = {}  # missing number → who wrote when it was seen

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        """Gives what happened after that number, oldest first; the page's cursor is where to go on."""
        statement = sa.select(event).where(event.c.seq > after).order_by(event.c.seq).limit(limit)
        with self.reading() as connection:
            found, is_open = self._look(connection, statement, after)
            if is_open:  # it may be settled at once: most holes are old
                found, _ = self._look(connection, statement, after)
        last = found[-1].seq if found else after
        self._holes = {number: who for number, who in self._holes.items() if number > last}
        return Page(tuple(found), str(last))

    def _look(
        self, connection: sa.Connection, statement: sa.Select[Any], after: int
    ) -> tuple[list[Transition], bool]:
        """Gives what stands before the first hole that may yet be filled, and whether there is one."""
        # Who has ended by now, asked before reading, is visible in what is read.
        writers = self._writers(connection) if self._holes else frozenset()
        found: list[Transition] = []
        is_open = False
        expected = after + 1
        for row in connection.execute(statement).all():
            if row.seq != expected and not self._all_lost(connection, expected, row.seq, writers):
                is_open = True
            if not is_open:
                found.append(codec.to_transition(row))
            expected = row.seq + 1
        return found, is_open

    def last_event(self) -> int:
        """Gives the number of the newest event; 0 when there is none."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(event.c.seq))).scalar() or 0

    def _writers(self, connection: sa.Connection) -> frozenset[str]:
        return frozenset(connection.execute(WRITERS).scalars())

    def _all_lost(
        self, connection: sa.Connection, first: int, end: int, writers: frozenset[str]
    ) -> bool:
        """Tells whether the numbers from `first` to before `end` will never appear."""
        if self.engine.dialect.name != "postgresql":
            return True  # SQLite's writers come one after the other: what is missing is lost
        missing = range(max(first, end - HOLES_KEPT), end)
        unseen = [number for number in missing if number not in self._holes]
        if unseen:
            now = self._writers(connection)
            self._holes.update(dict.fromkeys(unseen, now))
            return False
        return all(self._holes[number].isdisjoint(writers) for number in missing)
