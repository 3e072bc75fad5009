"""Rows as an earlier version wrote them, kept as files for ever: `python -m tests.chaos.old_rows 0.1` adds one.

A file holds, table by table, what the store held while the trees of that version were under way.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator import Command, Plan, external, parallel, sequence
from orchestrator.core.command import Old
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import metadata
from orchestrator.store.types import Instant
from orchestrator.testing import Stage
from tests.services import make_schema

FOLDER = Path(__file__).parent / "rows"
KEPT = ("command_entity", "command_sequence", "async_task", "event")


class Prepare(Command, kind="rows.prepare"):
    """Did its work before the upgrade."""

    def execute(self) -> str:
        return "prepared"

    def compensate(self) -> None: ...


class CopyV1(Command, kind="rows.copy"):
    """Copies one disk, as it was called then."""

    disk: str

    def execute(self) -> str:
        return self.disk


class Copy(Command, kind="rows.copy", version=2):
    """Copies disks."""

    disks: tuple[str, ...]

    def execute(self) -> str:
        return "+".join(self.disks)


@Copy.upgrade(since=1)
def a_disk_became_several(old: Old) -> Old:
    """Makes a list of the one disk."""
    return {"disks": [old["disk"]]}


class Move(Command, kind="rows.move"):
    """Waits for a vendor before it copies."""

    disk: str

    def plan(self) -> Plan:
        return sequence(
            Prepare(), external("acme", "make room"), parallel(CopyV1(disk=self.disk), Prepare())
        )


def write(version: str) -> Path:
    """Stores trees that are under way, and writes what the store then holds."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/rows.db"
        make_schema(url)
        store = SqlStore(make_engine(url))
        stage = Stage((Prepare, CopyV1, Move), store=store)
        stage.submit(Move(disk="d1"))
        stage.play()
        stage.submit(CopyV1(disk="d2"))
        stage.submit(Move(disk="d3"))
        rows = {name: _rows(store, name) for name in KEPT}
        store.close()
    path = FOLDER / f"{version}.json"
    path.write_text(json.dumps(rows, indent=1, default=str) + "\n")
    return path


def _rows(store: SqlStore, name: str) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        found = connection.execute(sa.select(metadata.tables[name]))
        return [dict(row._mapping) for row in found]


def load(path: Path, store: SqlStore) -> list[str]:
    """Puts the rows of a file into an empty store; gives the ids of the roots."""
    tables = json.loads(path.read_text())
    with store.writing() as connection:
        for name, rows in tables.items():
            table = metadata.tables[name]
            for row in rows:
                # Only the columns that there were: the schema may be as old as the rows.
                known = sa.table(name, *(sa.column(one, table.c[one].type) for one in row))
                connection.execute(sa.insert(known).values(_typed(table, row)))
        if (
            connection.dialect.name == "postgresql"
        ):  # who gave these numbers knows that they are given
            connection.exec_driver_sql("SELECT setval('event_seq_seq', max(seq)) FROM event")
    return [one["command_id"] for one in tables["command_entity"] if one["parent_id"] is None]


def _typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    times = {name for name in row if isinstance(table.c[name].type, Instant)}
    return {
        name: datetime.fromisoformat(value) if name in times and value else value
        for name, value in row.items()
    }


if __name__ == "__main__":
    print(write(sys.argv[1]))
