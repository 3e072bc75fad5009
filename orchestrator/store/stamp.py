"""Marks each written task with when that was, so that whoever keeps them in mind reads only what is new.

A clock would not do: who writes early may commit late. On PostgreSQL the stamp is the number of the writing
transaction, and a reader goes on from the oldest number that was still under way when it looked. SQLite has one
writer at a time, so there the length of the event log will do, which never goes back.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

LENGTH_OF_THE_LOG = "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event')"


class WrittenNow(FunctionElement[int]):
    """The stamp of what this transaction writes."""

    type = sa.BigInteger()
    inherit_cache = True


class NothingBefore(FunctionElement[int]):
    """The least stamp that a transaction may bear which this one does not see yet."""

    type = sa.BigInteger()
    inherit_cache = True


class NothingBeyond(FunctionElement[int]):
    """More than any stamp that is seen now, but for those of another server that this database came from."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(WrittenNow, "postgresql")
def _number_of_this(_element: WrittenNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(NothingBefore, "postgresql")
def _oldest_under_way(_element: NothingBefore, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"


@compiles(NothingBeyond, "postgresql")
def _first_to_come(_element: NothingBeyond, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"


@compiles(WrittenNow, "sqlite")
@compiles(NothingBefore, "sqlite")
def _length_of_the_log(_element: FunctionElement[int], _compiler: SQLCompiler, **_: Any) -> str:
    return LENGTH_OF_THE_LOG


@compiles(NothingBeyond, "sqlite")
def _after_the_log(_element: NothingBeyond, _compiler: SQLCompiler, **_: Any) -> str:
    return f"({LENGTH_OF_THE_LOG} + 1)"
