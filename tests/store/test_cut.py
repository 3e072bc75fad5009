"""PostgreSQL cuts connections, at any moment: no read fails for that, be it one statement or several."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestrator.core.access import Role, digest_of
from orchestrator.core.audit import AuditQuery
from orchestrator.core.errors import UnavailableError
from orchestrator.core.query import CommandQuery, TaskQuery
from orchestrator.core.status import Status
from orchestrator.store import reads
from orchestrator.store.reads import was_cut
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens
from tests import services
from tests.services import free_port
from tests.store.rows import NOW, news, put_news, put_tasks, put_tree, root, task

ROOT = root().command_id
CUTS = 12
Read = Callable[[SqlStore], Any]
READS: dict[str, Read] = {
    "get": lambda store: store.get(ROOT),
    "get_all": lambda store: store.get_all([ROOT]),
    "payload": lambda store: store.payload(ROOT),
    "value": lambda store: store.value(ROOT),
    "values": lambda store: store.values([ROOT]),
    "tree": lambda store: store.tree(ROOT),
    "subtree_ids": lambda store: store.subtree_ids(ROOT, tuple(Status)),
    "get_commands": lambda store: store.get_commands(CommandQuery(parts=True)),
    "get_parts": lambda store: store.get_parts(ROOT, (), 10, None),
    "count_commands": lambda store: store.count_commands(CommandQuery()),
    "count_parts": lambda store: store.count_parts(ROOT),
    "progress": lambda store: store.progress([ROOT]),
    "history": lambda store: store.history(ROOT),
    "feed": lambda store: store.get_modified_commands(0, 10),
    "last_event": lambda store: store.last_event(),
    "find_ids": lambda store: store.find_ids(ROOT[:8], 3),
    "find_tasks": lambda store: store.find_tasks(TaskQuery(system="outside")),
    "tasks": lambda store: store.tasks([ROOT]),
    "locks": lambda store: store.locks(),
    "grants": lambda store: store.grants(),
    "depth": lambda store: store.depth(ROOT),
    "workers": lambda store: store.workers(),
    "signs": lambda store: store.signs(NOW),
    "due": lambda store: store.due(NOW, 10),
    "stragglers": lambda store: store.stragglers(10),
    "changed_tasks": lambda store: store.changed_tasks(None),
    "deeds": lambda store: store.deeds(AuditQuery()),
    "now": lambda store: store.now(),
}


@pytest.fixture
def store(postgres_store: SqlStore) -> Iterator[SqlStore]:
    """A store with a tree, a task and a log, and connections that wait in its pool."""
    services.empty_tables(postgres_store.engine)
    store = SqlStore(postgres_store.engine)
    top, *_ = put_tree(store, 1, 3)
    put_tasks(store, task(top))
    put_news(store, [news(top)])
    yield store
    store.close()


@pytest.fixture
def cut(store: SqlStore) -> Iterator[Callable[[], None]]:
    """Has the server end all other connections to this database, as a failover does."""
    admin = sa.create_engine(store.engine.url, isolation_level="AUTOCOMMIT")
    killing = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with admin.connect() as connection:
        yield lambda: connection.execute(killing).close()
    admin.dispose()


@pytest.mark.parametrize("name", READS)
def test_a_read_on_a_connection_that_was_cut_just_now_succeeds(
    store: SqlStore, cut: Callable[[], None], name: str
) -> None:
    before = READS[name](store)
    cut()
    time.sleep(0.02)

    after = READS[name](store)

    assert name == "now" or after == before


def test_a_read_of_several_statements_goes_on_when_it_is_cut_between_them(
    store: SqlStore, cut: Callable[[], None]
) -> None:
    with store.reading() as several:
        first = several.execute(sa.select(sa.literal(1))).scalar_one()
        cut()
        time.sleep(0.02)
        second = several.execute(sa.select(sa.literal(2))).scalar_one()

    assert (first, second) == (1, 2)


def test_a_token_is_found_although_its_connection_was_cut(
    store: SqlStore, cut: Callable[[], None]
) -> None:
    tokens = SqlTokens(store)
    digest = digest_of(tokens.create("a", Role.VIEWER))
    login = digest_of(tokens.log_in(digest, NOW.replace(year=9000)))

    for one in (digest, login):
        cut()
        time.sleep(0.02)
        found = tokens.find(one)
        assert found is not None
        assert found.name == "a"


def test_no_read_of_a_burst_fails_however_often_all_connections_are_cut(
    store: SqlStore, cut: Callable[[], None]
) -> None:
    ends = threading.Event()
    names = list(READS)

    def read_on(number: int) -> int:
        done = 0
        while not ends.is_set():
            READS[names[(number + done) % len(names)]](store)
            done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read_on, number) for number in range(0, 24, 3)]
        try:
            for number in range(CUTS):
                time.sleep(0.05 + number % 4 * 0.05)
                cut()
        finally:
            ends.set()
        done = [one.result() for one in readers]

    assert all(done)


def test_where_nothing_listens_a_read_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqlStore(make_engine(f"postgresql://postgres@127.0.0.1:{free_port()}/nothing"))
    judged: list[bool] = []

    def noted(problem: DBAPIError) -> bool:
        judged.append(was_cut(problem))
        return judged[-1]

    monkeypatch.setattr(reads, "was_cut", noted)
    for read in (store.workers, store.now):
        with pytest.raises(UnavailableError, match="cannot be used now"):
            read()

    assert judged == [False, False]


def test_a_write_is_not_repeated(store: SqlStore, cut: Callable[[], None]) -> None:
    def write() -> None:
        with store.writing() as connection:
            connection.execute(sa.select(sa.literal(1)))
            cut()
            time.sleep(0.02)
            connection.execute(sa.text("INSERT INTO lease VALUES ('x', 'y', now())"))

    with pytest.raises(UnavailableError):
        write()

    with store.reading() as again:
        assert again.execute(sa.text("SELECT count(*) FROM lease")).scalar_one() == 0
