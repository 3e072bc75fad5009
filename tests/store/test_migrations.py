"""The migrations make the tables that the code writes to, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command as alembic
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Mode, Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import metadata
from tests.services import migrations
from tests.store import rows


@pytest.fixture(params=["sqlite", "postgres"])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database made by the migrations alone."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("empty_postgres_url")
    engine = make_engine(url)
    alembic.upgrade(migrations(engine), "head")
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_code(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_indexes_are_those_of_the_code(migrated: sa.Engine) -> None:
    made = sa.inspect(migrated)

    for table in metadata.sorted_tables:
        wanted = {(one.name, tuple(column.name for column in one.columns)) for one in table.indexes}
        found = {(one["name"], tuple(one["column_names"])) for one in made.get_indexes(table.name)}
        assert found == wanted


def test_an_upgrade_twice_changes_nothing(migrated: sa.Engine) -> None:
    alembic.upgrade(migrations(migrated), "head")

    with migrated.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None


def test_what_needs_attention_already_is_counted_at_its_root(migrated: sa.Engine) -> None:
    store = SqlStore(migrated)
    root = rows.root(1, mode=Mode.SEQUENCE, parts=3, status=Status.WAITING)
    stuck, other, lost = rows.parts_of(root, 3, status=Status.NEEDS_ATTENTION)
    rows.put(store, root, stuck, other._replace(status=Status.RUNNING), lost, rows.root(2))

    alembic.downgrade(migrations(migrated), "0012")
    alembic.upgrade(migrations(migrated), "head")

    counted = {one.command_id: one.stuck for one in store.tree(root.command_id)}
    assert [one for one in counted.values() if one] == [2]
    assert counted[root.command_id] == 2


def test_what_was_stored_before_is_found_by_all_that_it_touches(migrated: sa.Engine) -> None:
    store = SqlStore(migrated)
    locks = tuple(Lock("vm", f"vm-{one}", LockMode.EXCLUSIVE) for one in (1, 2))
    root = rows.root(1, mode=Mode.SEQUENCE, parts=1, locks=locks)
    (part,) = rows.parts_of(root, 1, entity_type="disk", entity_id="d-9")
    rows.put(store, root, part, rows.root(2))

    alembic.downgrade(migrations(migrated), "0016")
    alembic.upgrade(migrations(migrated), "head")

    for entity in ("vm:vm-1", "vm-2", "disk:d-9"):
        found = store.get_commands(CommandQuery(entity=entity)).items
        assert [one.command_id for one in found] == [root.command_id], entity
    assert store.get_commands(CommandQuery(entity="disk:vm-1")).items == ()


@pytest.mark.parametrize("locks", ["[[1]]", "[5]", "{}", "{broken"])
def test_locks_that_cannot_be_read_stop_no_upgrade(migrated: sa.Engine, locks: str) -> None:
    store = SqlStore(migrated)
    if locks == "{broken" and migrated.dialect.name == "postgresql":
        pytest.skip("PostgreSQL does not take that")
    root = rows.root(1, locks=(Lock("vm", "vm-1", LockMode.EXCLUSIVE),))
    rows.put(store, root)
    value = "cast(:v AS json)" if migrated.dialect.name == "postgresql" else ":v"
    with migrated.begin() as connection:
        connection.execute(sa.text(f"UPDATE command_entity SET locks = {value}"), {"v": locks})

    alembic.downgrade(migrations(migrated), "0016")
    alembic.upgrade(migrations(migrated), "head")

    assert [one.command_id for one in store.tree(root.command_id)] == [root.command_id]
