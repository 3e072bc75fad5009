"""The PostgreSQL and the Redis of one benchmark: fresh, on free ports, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from benchmarks.processes import free_port, until

START_DEADLINE_S = 60.0
USER = "postgres"


class NoServerError(RuntimeError):
    """A server that the benchmark needs is not installed."""


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Where the two servers are, and the ids of their processes."""

    postgres_port: int
    postgres_pid: int
    redis_port: int
    redis_pid: int
    has_statements: bool

    def database_url(self, name: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.postgres_port}/{name}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}"

    def connect(self, name: str = USER) -> psycopg.Connection[Any]:
        """Opens a connection in autocommit mode."""
        return psycopg.connect(self.database_url(name), autocommit=True)

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.redis_port)

    @contextlib.contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """Gives the URL of a new database and empties Redis; drops the database afterwards."""
        self.redis().flushall()
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            connection.execute("CHECKPOINT")  # so that no run pays for the writes of the one before
        try:
            yield self.database_url(name)
        finally:
            with self.connect() as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Starts both servers for the length of the block.

    PostgreSQL runs with its default configuration (synchronous commit on) and, where it is
    installed, pg_stat_statements. Redis does not save to disk, which favours those who keep their
    state in it.
    """
    programs = _postgres_programs()
    if shutil.which("redis-server") is None:
        raise NoServerError("redis-server is not installed; install the package redis-server")
    with contextlib.ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-servers-")))
        room.chmod(0o755)
        port, pid, has_statements = stack.enter_context(_postgres(programs, room))
        redis_port, redis_pid = stack.enter_context(_redis(room))
        yield Servers(
            postgres_port=port,
            postgres_pid=pid,
            redis_port=redis_port,
            redis_pid=redis_pid,
            has_statements=has_statements,
        )


def _postgres_programs() -> Path:
    """Gives the folder of the newest installed PostgreSQL server."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if not installed:
        raise NoServerError("PostgreSQL is not installed; install the package postgresql")
    return installed[-1].parent


def pgbench() -> str | None:
    """Gives the path of pgbench, or None where it is not installed."""
    found = shutil.which("pgbench")
    beside = _postgres_programs() / "pgbench"
    return found or (str(beside) if beside.exists() else None)


def _as_user() -> dict[str, Any]:
    """Gives the arguments that run a process as somebody else when we are root."""
    if os.geteuid() != 0:
        return {}
    return {"user": USER, "group": USER, "extra_groups": []}


@contextlib.contextmanager
def _postgres(programs: Path, room: Path) -> Iterator[tuple[int, int, bool]]:
    data = room / "postgres"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, USER, USER)
    _call([programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"])
    port = free_port()
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    statements = " -c shared_preload_libraries=pg_stat_statements"
    start: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        data,
        "-w",
        "-l",
        data / "log",
        "start",
        "-o",
    ]
    has_statements = _succeeds([*start, options + statements])
    if not has_statements:  # the extension is packaged apart on some systems
        _call([*start, options])
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", maxsplit=1)[0])
        if has_statements:
            url = f"postgresql://{USER}@127.0.0.1:{port}/{USER}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
        yield port, pid, has_statements
    finally:
        _succeeds([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"])


@contextlib.contextmanager
def _redis(room: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(room)]
    with subprocess.Popen(
        [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: _answers(port), deadline_s=START_DEADLINE_S, what="the start of Redis")
            yield port, process.pid
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port).ping())
    except redis.ConnectionError:
        return False


def _call(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", **_as_user()
    )
    if done.returncode:
        raise NoServerError(f"{Path(command[0]).name} failed: {done.stderr or done.stdout}")


def _succeeds(command: Sequence[str | Path]) -> bool:
    # Not capture_output: the server would inherit the pipe and keep it open for its whole life.
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **_as_user(),
    )
    return done.returncode == 0
