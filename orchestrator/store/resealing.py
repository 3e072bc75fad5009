"""Rewrites sealed secrets, wherever they are stored: after a change of keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from orchestrator.core.sealed import MARKS
from orchestrator.store.sql import SqlStore
from orchestrator.store.tables import metadata

TOGETHER = 200  # rows read at once


def reseal(store: SqlStore, change: Callable[[Any], Any]) -> int:
    """Writes each JSON value that holds a secret as `change` has it; says how many changed.

    A value that somebody else has written since it was read is left as it is: run it again.
    """
    return sum(
        _reseal(store, table, column, change)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.JSON)
    )


def _reseal(
    store: SqlStore, table: sa.Table, column: sa.Column[Any], change: Callable[[Any], Any]
) -> int:
    changed = 0
    for key, text in _rows(store, table, column):
        try:
            before = json.loads(text)
        except ValueError:
            continue  # a row that cannot be read keeps none of the others from their new key
        after = change(before)
        if after == before:
            continue
        here = [one == value for one, value in zip(table.primary_key, key, strict=True)]
        statement = (
            sa.update(table).where(*here, sa.cast(column, sa.Text) == text).values({column: after})
        )
        with store.writing() as connection:
            changed += connection.execute(statement).rowcount
    return changed


def _rows(
    store: SqlStore, table: sa.Table, column: sa.Column[Any]
) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Gives key and text of each row that may hold a secret, by the order of the keys."""
    text, keys = sa.cast(column, sa.Text), tuple(table.primary_key)
    statement = (
        sa.select(*keys, text)
        .where(sa.or_(*(text.like(f'%"{mark}"%') for mark in MARKS)))
        .order_by(*keys)
        .limit(TOGETHER)
    )
    last: tuple[Any, ...] | None = None
    while True:
        after = sa.true() if last is None else sa.tuple_(*keys) > sa.tuple_(*last)
        with store.reading() as reads:
            rows = reads.connection.execute(statement.where(after)).all()
        for row in rows:
            last = tuple(row[:-1])
            yield last, row[-1]
        if len(rows) < TOGETHER:
            return
