"""The feed: the event log read in order without gaps, although writers commit out of order.

Numbers are drawn when a row is inserted, so a transaction may commit after one with a higher number. The reader
stops before a missing number until it knows what became of it: either the row appears, or every
transaction that was writing to the log when the hole was seen has ended, and the number was lost in a rollback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import Transition
from orchestrator.core.query import Page
from orchestrator.store import codec
from orchestrator.store.reads import Reads
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
    """Reads the event log, for any number of readers at once.

    Keeps in memory which holes were seen, and who might yet fill them. What is kept is only ever replaced as a whole,
    and each reader judges by what it took from it before it asked who writes: so readers need no lock, and one
    that forgets what another noted costs that one a second look.
    """

    engine: sa.Engine

    def __init__(self) -> None:
        self._holes: Mapping[
            int, frozenset[str]
        ] = {}  # missing number → who wrote when it was seen

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        """Gives what happened after that number, oldest first; the page's cursor is where to go on."""
        statement = sa.select(event).where(event.c.seq > after).order_by(event.c.seq).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(statement).all()
            if self.engine.dialect.name == "postgresql" and (missing := _missing(rows, after)):
                # The order matters: a hole is known, then is asked who writes, then is read. Whoever has ended
                # by then is visible in what is read. Most holes are old, so this settles them at once.
                known = self._noted(connection, missing)
                writers = self._writers(connection)
                rows = connection.execute(statement).all()
                rows = _before_an_open_hole(rows, after, known, writers)
        found = tuple(codec.to_transition(row) for row in rows)
        return Page(found, str(found[-1].seq if found else after))

    def last_event(self) -> int:
        """Gives the number of the newest event; 0 when there is none."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(event.c.seq))).scalar() or 0

    def _noted(self, connection: Reads, missing: Sequence[int]) -> Mapping[int, frozenset[str]]:
        """Gives the holes that are known, these among them. Who wrote when one was first seen stays noted."""
        known = self._holes
        unseen = [number for number in missing if number not in known]
        if unseen:
            known = {**dict.fromkeys(unseen, self._writers(connection)), **known}
            newest = sorted(known)[-HOLES_KEPT:]
            self._holes = {number: known[number] for number in newest}
        return known

    def _writers(self, connection: Reads) -> frozenset[str]:
        return frozenset(connection.execute(WRITERS).scalars())


def _missing(rows: Sequence[sa.Row[Any]], after: int) -> list[int]:
    """Gives the numbers that are not there and may yet come; of a long gap the last ones."""
    found: list[int] = []
    expected = after + 1
    for row in rows:
        found.extend(range(max(expected, row.seq - HOLES_KEPT), row.seq))
        expected = row.seq + 1
    return found


def _before_an_open_hole(
    rows: Sequence[sa.Row[Any]],
    after: int,
    known: Mapping[int, frozenset[str]],
    writers: frozenset[str],
) -> Sequence[sa.Row[Any]]:
    """Gives the rows before the first number that one of these writers may yet fill."""
    expected = after + 1
    for place, row in enumerate(rows):
        for number in range(max(expected, row.seq - HOLES_KEPT), row.seq):
            if number not in known or not known[number].isdisjoint(writers):
                return rows[:place]
        expected = row.seq + 1
    return rows
