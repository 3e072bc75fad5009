"""Statements that go to the driver directly: the few that every step sends.

SQLAlchemy writes them, once. Were it to send them too, each would cost us more than it costs the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from psycopg.raw_cursor import RawCursor
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError

from orchestrator.store.garbled import instant, loads
from orchestrator.store.pool import note_cut
from orchestrator.store.types import Instant

Row = tuple[Any, ...]

# With each driver's own way to number parameters, nothing is left to be rewritten when a statement is sent.
WRITTEN_FOR: dict[str, sa.Dialect] = {
    "postgresql": PGDialect_psycopg(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
    "sqlite": SQLiteDialect_pysqlite(paramstyle="qmark"),
}


class Direct:
    """One statement, compiled for one database. Its rows have the values that SQLAlchemy would give."""

    def __init__(self, statement: Any, dialect: str) -> None:
        compiled = statement.compile(dialect=WRITTEN_FOR[dialect])
        self.text = str(compiled)
        self.names: list[str] = compiled.positiontup
        self._constants = {name: one for name, one in compiled.params.items() if one is not None}
        self._gives_rows: bool | None = None  # psycopg's answer is dear: it is asked once
        self._is_postgres = dialect == "postgresql"
        self._readers = {} if self._is_postgres else _readers(statement)

    def run(self, connection: sa.Connection, given: Mapping[str, Any]) -> list[Row]:
        """Runs it in the transaction of this connection and gives its rows."""
        return self._rows(self._sent(connection, given))

    def count(self, connection: sa.Connection, given: Mapping[str, Any]) -> int:
        """Runs it in the transaction of this connection and says how many rows it changed."""
        return int(self._sent(connection, given).rowcount)

    def run_alone(self, engine: sa.Engine, given: Mapping[str, Any]) -> list[Row]:
        """Runs it as a transaction of its own, in one way to the server and back. For PostgreSQL."""
        try:
            proxy = engine.raw_connection()
        except engine.dialect.loaded_dbapi.Error as problem:
            raise self._told(engine, problem, is_gone=True) from problem
        driver: Any = proxy.driver_connection
        try:
            driver.autocommit = True
            found = self._rows(self._send(driver, given))
            driver.autocommit = False
        except engine.dialect.loaded_dbapi.Error as problem:
            is_gone = driver.closed
            if is_gone:
                proxy.invalidate(problem)
            else:
                driver.autocommit = False
            raise self._told(engine, problem, is_gone=is_gone) from problem
        except BaseException as problem:
            proxy.invalidate(problem)  # whatever it is in the middle of
            raise
        finally:
            proxy.close()
        return found

    def _sent(self, connection: sa.Connection, given: Mapping[str, Any]) -> Any:
        driver: Any = connection.connection.driver_connection
        try:
            return self._send(driver, given)
        except connection.dialect.loaded_dbapi.Error as problem:
            is_gone = connection.dialect.is_disconnect(problem, driver, None)
            if is_gone:
                connection.invalidate(problem)
            raise self._told(connection.engine, problem, is_gone=is_gone) from problem

    def _send(self, driver: Any, given: Mapping[str, Any]) -> Any:
        values = [given[one] if one in given else self._constants[one] for one in self.names]
        if self._is_postgres:
            return RawCursor(driver).execute(self.text, values, prepare=True)
        return driver.execute(self.text, values)

    def _rows(self, cursor: Any) -> list[Row]:
        if self._gives_rows is None:
            self._gives_rows = cursor.description is not None
        if not self._gives_rows:
            return []
        found: list[Row] = cursor.fetchall()
        if not self._readers:
            return found
        return [self._read(row) for row in found]

    def _read(self, row: Row) -> Row:
        values = list(row)
        for place, read in self._readers.items():
            if values[place] is not None:
                values[place] = read(values[place])
        return tuple(values)

    def _told(self, engine: sa.Engine, problem: Exception, *, is_gone: bool) -> BaseException:
        """Gives the error that SQLAlchemy would raise; where the server is gone, it is for all connections."""
        if is_gone:
            note_cut(engine)
        return DBAPIError.instance(
            self.text,
            None,
            problem,
            engine.dialect.loaded_dbapi.Error,
            connection_invalidated=is_gone,
            dialect=engine.dialect,
        )


def _readers(statement: Any) -> dict[int, Callable[[Any], Any]]:
    """Gives how the columns are read that SQLite knows only as text."""
    found: dict[int, Callable[[Any], Any]] = {}
    columns = statement.selected_columns if isinstance(statement, sa.Select) else ()
    for place, column in enumerate(columns):
        if isinstance(column.type, Instant):
            found[place] = instant
        elif isinstance(column.type, sa.JSON):
            found[place] = loads
    return found
