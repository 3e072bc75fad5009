"""The three stores, each empty, for the one contract that all of them pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from orchestrator.core.ports import Store
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from tests import services

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A SQLite store, not emptied."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'orchestrator.db'}"
    services.make_schema(url)
    yield from _opened(url)


@pytest.fixture(scope="session")
def postgres_store(postgres_server: str, template_database: str) -> Iterator[SqlStore]:
    """A PostgreSQL store, not emptied."""
    with services.new_database(postgres_server, template_database) as url:
        yield from _opened(url)


def _opened(url: str) -> Iterator[SqlStore]:
    store = SqlStore(make_engine(url, pool_size=20))
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def sql_store(request: pytest.FixtureRequest) -> SqlStore:
    """Each SQL store in turn, empty."""
    found: SqlStore = request.getfixturevalue(f"{request.param}_store")
    services.empty_tables(found.engine)
    return SqlStore(found.engine)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn, empty."""
    if request.param == "memory":
        return MemoryStore()
    found: SqlStore = request.getfixturevalue(f"{request.param}_store")
    services.empty_tables(found.engine)
    return SqlStore(found.engine)
