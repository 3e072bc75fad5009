"""What only the SQL stores can get wrong: URLs, absent databases, old history, tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg.raw_cursor import RawCursor

from orchestrator.core.access import Role, digest_of
from orchestrator.core.audit import AuditQuery, Deed
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import (
    BadInputError,
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.store import sql
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.statements import Statements
from orchestrator.store.tables import metadata
from orchestrator.store.tokens import SqlTokens
from tests import services
from tests.services import free_port, until
from tests.store.rows import NOW, SECOND, news, put, put_news, put_tasks, put_tree, root, task


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "'nonsense' cannot be read; write postgresql://"),
        ("", "cannot be read"),
        ("mysql+pymysql://root@localhost/x", "names 'mysql'; only postgresql and sqlite"),
    ],
)
def test_a_broken_database_url_is_refused_in_one_sentence(url: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says) as problem:
        make_engine(url)

    assert "\n" not in str(problem.value)


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    store = SqlStore(make_engine(f"postgresql://postgres@127.0.0.1:{free_port()}/nothing"))

    with pytest.raises(UnavailableError, match="cannot be used now"):
        store.get(root().command_id)


def test_a_database_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    store = SqlStore(make_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'x.db'}"))

    with pytest.raises(UnavailableError, match="cannot be used now"):
        store.get(root().command_id)


def test_a_file_that_could_not_be_written_is_written_as_soon_as_it_can(
    sqlite_url: str, tmp_path: Path
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    holder = "import sys, os; from tests.store.test_sql import *;"
    holder += (
        "put(SqlStore(make_engine(sys.argv[1])), root(1)); os._exit(0)"  # leaves its log behind
    )
    subprocess.run([sys.executable, "-c", holder, sqlite_url], check=True)
    store = SqlStore(make_engine(sqlite_url))

    with unprivileged():
        assert store.get(root(1).command_id) is not None
        for _ in range(2):
            with pytest.raises(UnavailableError, match="readonly database"):
                put(store, root(2))
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o777)

    with unprivileged():
        until(lambda: puts(store, root(2)), what="it is written", timeout_s=5)
    store.close()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Is nobody for a while: root may write to any file."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def puts(store: SqlStore, command: CommandEntity) -> bool:
    """Stores a command if that can be done now."""
    try:
        put(store, command)
    except UnavailableError:
        return False
    return True


def test_a_cursor_of_somebody_else_is_refused(sql_store: SqlStore) -> None:
    from orchestrator.core.query import CommandQuery

    with pytest.raises(BadInputError, match="'nonsense' was not given by this server"):
        sql_store.get_commands(CommandQuery(cursor="nonsense"))


def test_the_store_tells_an_aware_time(sql_store: SqlStore) -> None:
    assert sql_store.now().utcoffset() == timedelta(0)


def test_the_audit_outlives_what_was_done_to(sql_store: SqlStore) -> None:
    with sql_store.begin() as tx:
        for number in range(5):
            tx.audit(Deed(actor="alice", verb=f"v{number}", at=NOW + number * SECOND))

    would = sql_store.delete_audit_before(NOW + 3 * SECOND, dry_run=True)
    done = sql_store.delete_audit_before(NOW + 3 * SECOND)

    assert (would, done) == (3, 3)
    assert [one.verb for one in sql_store.deeds(AuditQuery()).items] == ["v4", "v3"]


def test_old_history_is_deleted_with_all_that_belongs_to_it(sql_store: SqlStore) -> None:
    old = put_tree(sql_store, 1, status=Status.SUCCEEDED, end_time=NOW)
    young = put_tree(sql_store, 2, status=Status.SUCCEEDED, end_time=NOW + 9 * SECOND)
    live = put_tree(sql_store, 3, status=Status.RUNNING)
    for tree in (old, young, live):
        put_news(sql_store, [news(one) for one in tree])
        put_tasks(sql_store, task(tree[1], number=int(tree[0].label[-1])))
        with sql_store.begin() as tx:
            tx.remember_request(tree[0].command_id, "d", tree[0].command_id)
            tx.audit(
                Deed(actor="alice", verb="stop", command_id=tree[1].command_id, reason="", at=NOW)
            )

    would = sql_store.delete_ended_before(NOW + SECOND, dry_run=True)
    done = sql_store.delete_ended_before(NOW + SECOND)

    assert (would, done) == (1, 1)
    assert sql_store.tree(old[0].command_id) == []
    assert len(sql_store.tree(young[0].command_id)) == len(young)
    assert len(sql_store.tree(live[0].command_id)) == len(live)
    with sql_store.reading() as connection:
        counts = {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
        }
    assert counts["event"] == 8
    assert (counts["async_task"], counts["idempotency_key"], counts["audit"]) == (2, 2, 3)
    assert counts["command_sequence"] == 6


def test_a_token_past_its_time_is_out_of_force(sql_store: SqlStore) -> None:
    tokens = SqlTokens(sql_store)
    soon = sql_store.now() + timedelta(milliseconds=50)

    secret = tokens.create("acme-1", Role.VENDOR, vendor="acme", expires_at=soon)
    before = tokens.find(digest_of(secret))
    while sql_store.now() < soon:
        pass
    after = tokens.find(digest_of(secret))

    assert (before and before.vendor, after) == ("acme", None)
    assert tokens.create("acme-1", Role.VENDOR)  # its name is free again
    with pytest.raises(BadInputError, match="speaks for no vendor"):
        tokens.create("eve", Role.OPERATOR, vendor="acme")
    with pytest.raises(BadInputError, match="has passed"):
        tokens.create("late", Role.VIEWER, expires_at=soon)


def test_a_token_is_found_by_its_secret_until_it_is_revoked(sql_store: SqlStore) -> None:
    tokens = SqlTokens(sql_store)

    secret = tokens.create("ci", Role.OPERATOR)

    found = tokens.find(digest_of(secret))
    assert found is not None
    assert (found.name, found.role) == ("ci", Role.OPERATOR)
    with pytest.raises(ConflictError, match=r"'ci' \(operator\) is in force"):
        tokens.create("ci", Role.ADMIN)
    tokens.revoke("ci")
    assert tokens.find(digest_of(secret)) is None
    with pytest.raises(NotFoundError, match="no token 'ci' in force"):
        tokens.revoke("ci")
    assert tokens.find(digest_of(tokens.create("ci", Role.ADMIN))) is not None


def test_the_secret_of_a_token_is_not_stored(sql_store: SqlStore) -> None:
    secret = SqlTokens(sql_store).create("ci", Role.VIEWER)

    with sql_store.reading() as connection:
        rows = connection.execute(sa.select(metadata.tables["api_token"])).all()

    assert secret not in str(rows)


def test_what_the_outside_says_is_stored_whatever_it_is(sql_store: SqlStore) -> None:
    command = put(sql_store, root())
    odd = {"nul\x00": ["half \ud800", 2**70, -(2**70), {"fine": "\\u0000"}]}
    with sql_store.begin() as tx:
        tx.insert_task(task(command, message="a\x00b", detail=odd, result="\udfff"))
        tx.audit(
            Deed(
                actor="an\x00operator",
                verb="stop",
                command_id=command.command_id,
                reason="be\x00cause",
                at=NOW,
            )
        )

    (found,) = sql_store.tasks([command.command_id])

    assert found.message == "a\ufffdb"
    assert found.result == "\ufffd"
    assert found.detail == {
        "nul\ufffd": ["half \ufffd", str(2**70), str(-(2**70)), {"fine": "\\u0000"}]
    }


SLOW = {"Seq Scan", "Bitmap Heap Scan", "Merge Join", "Hash Join", "Materialize"}


@pytest.mark.parametrize("name", ["look", "ready", "heads", "lock_commands", "payloads"])
def test_what_every_step_sends_finds_its_rows_one_by_one(
    postgres_store: SqlStore, name: str
) -> None:
    """Even planned while the tables are small, and then for good."""
    services.empty_tables(postgres_store.engine)
    put_tree(postgres_store)
    statement = getattr(Statements("postgresql"), name)
    given = {"ids": "{}", "kinds": "{}", "most": 1, "limit_": 1}
    with postgres_store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        driver: Any = connection.connection.driver_connection
        cursor = RawCursor(driver)
        cursor.execute(f"EXPLAIN {statement.text}", [given[one] for one in statement.names])
        plan = "\n".join(row[0] for row in cursor)

    assert not [one for one in SLOW if one in plan], plan


def test_what_one_is_about_to_take_is_passed_over_by_others(postgres_store: SqlStore) -> None:
    services.empty_tables(postgres_store.engine)
    for number in (1, 2):
        put(postgres_store, root(number, status=Status.READY))
    kinds = {root().kind}

    with postgres_store.begin() as one, postgres_store.begin() as other:
        (first,) = one.ready(kinds, 1, 0)
        (second,) = other.ready(kinds, 5, 0)

    assert {first.entity.command_id, second.entity.command_id} == {
        root(1).command_id,
        root(2).command_id,
    }


def test_nothing_is_compiled(postgres_store: SqlStore) -> None:
    with postgres_store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"


def test_reads_are_asked_again_when_the_server_has_cut_the_connection(
    postgres_store: SqlStore,
) -> None:
    services.empty_tables(postgres_store.engine)
    store = SqlStore(postgres_store.engine)
    put(store, root())

    for read in (store.now, lambda: store.signs(NOW), lambda: store.get(root().command_id)):
        read()  # a connection waits in the pool
        _cut_all(store)

        assert read() is not None


def test_what_was_idle_while_the_server_cut_it_off_is_replaced(
    postgres_store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.empty_tables(postgres_store.engine)
    store = SqlStore(postgres_store.engine)
    monkeypatch.setattr(sql, "IDLE_S", -1.0)  # as if each had been idle for long
    reads = (lambda: store.get_commands(CommandQuery()), lambda: store.value(root().command_id))
    writes = (lambda: put(store, root()), lambda: put_news(store, [news(root())]))

    for call in (*writes, *reads, *writes[1:]):
        store.now()
        _cut_all(store)

        call()


def _cut_all(store: SqlStore) -> None:
    """Has the server end all connections to this database, as a failover does."""
    admin = sa.create_engine(store.engine.url, poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
