"""Brings the servers that tests need: a PostgreSQL and a Redis, found by URL or started."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis
import sqlalchemy as sa
from alembic.config import Config

DATABASE_URL = "ORCHESTRATOR_TEST_DATABASE_URL"
BROKER_URL = "ORCHESTRATOR_TEST_BROKER_URL"
START_DEADLINE_S = 60.0
PROGRAM_DIRS = ("/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin")
UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root


def free_port() -> int:
    """Gives a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(
    condition: Callable[[], bool], *, what: str, timeout_s: float = 30.0, every_s: float = 0.02
) -> None:
    """Waits until the condition holds. Raises AssertionError that says what did not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(every_s)


def find_program(name: str) -> str | None:
    """Gives the path of a program, also where distributions hide PostgreSQL's; None without it."""
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*versions, *map(Path, PROGRAM_DIRS)):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    return None


@contextmanager
def postgres() -> Iterator[str]:
    """Gives the URL of a PostgreSQL server, without a database's name.

    It is the one that ORCHESTRATOR_TEST_DATABASE_URL names, or a private one on a free port, which
    is gone afterwards. Skips the test that asks when there is neither.
    """
    given = os.environ.get(DATABASE_URL, "")
    if given.startswith("postgres"):
        yield given.rpartition("/")[0]
        return
    initdb, server = find_program("initdb"), find_program("postgres")
    if initdb is None or server is None:
        pytest.skip(f"no PostgreSQL: set {DATABASE_URL}, or install it (initdb, postgres)")
    with _own_directory("orchestrator-postgres-") as directory:
        yield from _private_postgres(initdb, server, directory)


def _private_postgres(initdb: str, server: str, directory: Path) -> Iterator[str]:
    user = _unprivileged()
    data, port = directory / "data", free_port()
    run = [initdb, "-D", str(data), "-U", "postgres", "-A", "trust"]
    run += ["-E", "UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run(run, user=user, cwd=directory, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no PostgreSQL: initdb failed: {made.stderr.decode().strip()[-300:]}")
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": directory,
        "fsync": "off",  # the machine's disk is not what is tested
        "max_connections": 200,
    }
    settings = [f"-c{name}={value}" for name, value in options.items()]
    log = (directory / "log").open("wb")
    process = subprocess.Popen(
        [server, "-D", data, *settings], user=user, cwd=directory, stdout=log, stderr=log
    )
    url = f"postgresql://postgres@127.0.0.1:{port}"
    try:
        until(
            lambda: process.poll() is not None or _answers(url),
            what="PostgreSQL answers",
            timeout_s=START_DEADLINE_S,
        )
        if process.poll() is not None:
            pytest.skip(f"no PostgreSQL: {(directory / 'log').read_text()[-300:]}")
        yield url
    finally:
        process.terminate()
        process.wait()
        log.close()


@contextmanager
def new_database(server_url: str, template: str | None = None) -> Iterator[str]:
    """Gives the URL of an empty database on the server, or of a copy of one; dropped afterwards."""
    name = f"orchestrator_test_{uuid4().hex[:12]}"
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as admin:
        copied = f' TEMPLATE "{template}"' if template else ""
        admin.execute(f'CREATE DATABASE "{name}"{copied}'.encode())
    try:
        yield f"{server_url}/{name}"
    finally:
        with psycopg.connect(f"{server_url}/postgres", autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@contextmanager
def redis_server() -> Iterator[str]:
    """Gives the URL of a Redis that may be emptied at will.

    It is the one that ORCHESTRATOR_TEST_BROKER_URL names, or a private one on a free port, which
    is gone afterwards. Skips the test that asks when there is neither.
    """
    given = os.environ.get(BROKER_URL, "")
    if given:
        yield given
        return
    server = find_program("redis-server")
    if server is None:
        pytest.skip(f"no Redis: set {BROKER_URL}, or install redis-server")
    port = free_port()
    with _own_directory("orchestrator-redis-") as directory:
        process = subprocess.Popen(
            [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
            user=_unprivileged(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with redis.Redis(port=port) as client:
                until(lambda: _pongs(client), what="Redis answers", timeout_s=START_DEADLINE_S)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def make_schema(url: str) -> None:
    """Makes the project's tables in an empty database, the quick way."""
    from orchestrator.store.sql import make_engine
    from orchestrator.store.tables import metadata

    engine = make_engine(url)
    with engine.execution_options(writes=True).begin() as connection:
        metadata.create_all(connection)
    engine.dispose()


def migrations(engine: sa.Engine) -> Config:
    """Gives what Alembic needs to take this database's schema up and down."""
    import orchestrator

    found = Config()
    found.set_main_option("script_location", str(Path(orchestrator.__file__).parent / "migrations"))
    found.attributes["engine"] = engine
    return found


def empty_tables(engine: sa.Engine) -> None:
    """Empties all of the project's tables, and has their numbers start from one again."""
    from orchestrator.store.tables import metadata

    numbered = ("event_seq_seq", "audit_audit_id_seq")
    with engine.execution_options(writes=True).begin() as connection:
        for table in metadata.sorted_tables:  # quicker than TRUNCATE where there is little
            connection.execute(sa.delete(table))
        if engine.dialect.name == "postgresql":
            for sequence in numbered:
                connection.exec_driver_sql(f"ALTER SEQUENCE {sequence} RESTART")
        else:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")


@contextmanager
def _own_directory(prefix: str) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    user = _unprivileged()
    if user is not None:
        shutil.chown(directory, user)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unprivileged() -> str | None:
    """Names the user to run servers as where we are root; None where we are not."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {one.pw_name for one in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in known), None)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pongs(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False
