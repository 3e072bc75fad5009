"""Column types that mean the same on both databases. Migrations use them, so they never change."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from orchestrator.store.garbled import Garbled, instant


class Instant(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` on PostgreSQL, sortable ISO text of fixed width on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(32))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return instant_text(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return instant(value)  # type: ignore[no-any-return]
        return value if value is None or isinstance(value, Garbled) else value.astimezone(UTC)  # type: ignore[return-value]


@lru_cache(4_096)  # the rows that are written together bear the same few times
def instant_text(value: datetime) -> str:
    """Gives a time as text that sorts as the time does."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


Id = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
Text = sa.Text()
Json = sa.JSON(none_as_null=True)
"""An object or a list. (A column of SQLite's type JSON has numeric affinity: it would change a bare number.)"""
Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class AnyJson(sa.JSON):
    """Any JSON value, a bare number too: text on SQLite, which would turn 1.0 into 1 elsewhere."""

    inherit_cache = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)


@compiles(AnyJson, "sqlite")
def _on_sqlite(_type: AnyJson, _compiler: Any, **_: Any) -> str:
    return "TEXT"
