"""Fills the store with ended commands, so that its growth is measured without running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

TABLES = ("command_entity", "command_sequence", "event")
GENERATED = {("event", "seq")}
ANCHOR = {
    "command_entity": "root_id",
    "command_sequence": "initiator_command_id",
    "event": "root_id",
}


def fill(url: str, root_id: str, commands: int) -> int:
    """Copies an ended tree until that many commands are stored; gives how many trees were made.

    A copy gets ids of its own in the first half, where the ids of one tree agree, and keeps the
    second, which tells its parts apart.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM command_entity WHERE root_id = %s", [root_id]
        ).fetchone()
        assert row is not None
        trees = max(1, commands // int(row[0]))
        for table in TABLES:
            connection.execute(_copy(connection, table), {"root": root_id, "trees": trees})
        for table in TABLES:
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
        connection.execute("CHECKPOINT")
    return trees


def _copy(connection: psycopg.Connection[Any], table: str) -> sql.Composed:
    columns = _columns(connection, table)
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} FROM {table} AS t, "
        "(SELECT md5(n::text) AS digits FROM generate_series(1, %(trees)s) n) AS k "
        "WHERE t.{anchor} = %(root)s"
    ).format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
        values=sql.SQL(", ").join(_value(name, kind) for name, kind in columns),
        anchor=sql.Identifier(ANCHOR[table]),
    )


def _columns(connection: psycopg.Connection[Any], table: str) -> Sequence[tuple[str, str]]:
    rows = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = %s AND table_schema = current_schema() ORDER BY ordinal_position",
        [table],
    ).fetchall()
    return [(name, kind) for name, kind in rows if (table, name) not in GENERATED]


def _value(name: str, kind: str) -> sql.Composable:
    """Gives a column's value in a copy: ids are moved to the copy's tree, all else is taken over.

    The fifteenth character of an id tells a root from a part, so it stays as it is.
    """
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if kind != "uuid":
        return column
    return sql.SQL(
        "(left(k.digits, 8) || '-' || substr(k.digits, 9, 4) || '-' || substr({0}::text, 15, 1) "
        "|| substr(k.digits, 13, 3) || substr({0}::text, 19))::uuid"
    ).format(column)
