"""Reads that go on where PostgreSQL cuts a connection: at any moment, each is asked again on a fresh one.

Each is a transaction of its own, so that asking again changes nothing. Writes are not repeated: of a write whose answer
was cut off nobody knows whether it took effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
Values: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = sa.CursorResult[*tuple[Any, ...]]

REPEATS = 2  # one for the cut, one more should that meet another
CUT_WHILE_CONNECTING = ("terminating connection", "server closed the connection")


class Reads:
    """What reading statements are sent with. It takes a connection when it is first used."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._open: sa.Connection | None = None

    @property
    def connection(self) -> sa.Connection:
        """The connection that is in use now."""
        if self._open is None:
            self._open = self._engine.connect()
        return self._open

    def execute(self, statement: sa.Executable, parameters: Values | None = None) -> Rows:
        """Runs one statement; its rows have arrived when this returns."""

        def send() -> Rows:
            try:
                return self.connection.execute(statement, parameters)
            except DBAPIError:
                self.close()
                raise

        return repeated(send)

    def close(self) -> None:
        """Gives the connection back, if one was taken."""
        if self._open is not None:
            self._open.close()
            self._open = None


def repeated(read: Callable[[], T]) -> T:
    """Reads, and again where the server has cut the connection."""
    for _ in range(REPEATS):
        try:
            return read()
        except DBAPIError as problem:
            if not was_cut(problem):
                raise
    return read()


def was_cut(problem: DBAPIError) -> bool:
    """Tells whether the server ended the connection; where it cannot be reached, to ask again at once is no use."""
    if not isinstance(problem.orig, psycopg.Error):
        return False
    text = str(problem.orig)
    if isinstance(problem.orig, psycopg.errors.ConnectionTimeout) or "connection failed" in text:
        return any(one in text for one in CUT_WHILE_CONNECTING)
    return problem.connection_invalidated
