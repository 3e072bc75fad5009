"""The database and the broker of one installation, made to be stopped, killed and emptied at will."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services import find_program, free_port, make_schema, until

NO_SERVER = "SQLite is a file: there is no server to ask for this"
UNPRIVILEGED = "postgres"  # PostgreSQL refuses to run as root


class NoServerError(RuntimeError):
    """A server program that the run needs is not installed."""


class Database(Protocol):
    """What the gremlin may do to a database."""

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""

    @property
    def has_server(self) -> bool:
        """Whether there is a server, with connections to it; else it is a file."""

    def restart(self) -> None:
        """Stops its server without warning and starts it again."""

    def revive(self) -> None:
        """Starts its server again if that has given up, as a supervisor would."""

    def cut(self) -> None:
        """Cuts all connections to its server, wherever their transactions are."""

    def read_only(self, on: bool) -> None:
        """Refuses all writes, or takes them again."""

    def admin(self) -> AbstractContextManager[psycopg.Connection]:
        """Opens a connection of an administrator."""

    def close(self) -> None:
        """Stops it for good."""


class Postgres:
    """A private PostgreSQL server on a free port; its data survives its restarts."""

    has_server = True

    def __init__(self, room: Path) -> None:
        initdb, server = find_program("initdb"), find_program("postgres")
        if initdb is None or server is None:
            raise NoServerError("PostgreSQL is not installed (initdb, postgres)")
        self._server = server
        self._home = room / "postgres"
        self._home.mkdir()
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._home, self._user)
            for folder in (room, *room.parents):
                if folder.stat().st_uid == 0 and folder != Path("/tmp") and folder != Path("/"):
                    folder.chmod(folder.stat().st_mode | 0o055)
        self._port = free_port()
        self._log: IO[bytes] = (room / "postgres.log").open("ab")
        made = subprocess.run(
            [
                initdb,
                "-D",
                self._data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "-N",
            ],
            user=self._user,
            cwd=self._home,
            capture_output=True,
            check=False,
        )
        if made.returncode:
            raise NoServerError(f"initdb failed: {made.stderr.decode()[-300:]}")
        self.start()
        with self.admin("postgres") as admin:
            admin.execute("CREATE DATABASE orchestrator")
        make_schema(self.url)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/orchestrator"

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._home,
            # A killed server loses nothing that it gave to the kernel, and the machine stays up.
            "fsync": "off",
            "max_connections": 200,
        }
        self.process = subprocess.Popen(
            [
                self._server,
                "-D",
                self._data,
                *(f"-c{key}={value}" for key, value in options.items()),
            ],
            user=self._user,
            cwd=self._home,
            stdout=self._log,
            stderr=self._log,
        )
        until(self._answers, what="PostgreSQL answers", timeout_s=60)

    def stop(self) -> None:
        """Stops the server in its immediate mode: no goodbye to anybody, no checkpoint."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def revive(self) -> None:
        if self.process.poll() is not None:
            self.start()

    def cut(self) -> None:
        with self.admin("postgres") as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'orchestrator' AND pid <> pg_backend_pid()"
            )

    def read_only(self, on: bool) -> None:
        with self.admin("postgres") as admin:
            value = "on" if on else "off"
            admin.execute(
                f"ALTER DATABASE orchestrator SET default_transaction_read_only = {value}".encode()
            )
        self.cut()  # the setting holds for new sessions only

    @contextlib.contextmanager
    def admin(self, name: str = "orchestrator") -> Iterator[psycopg.Connection]:
        """Opens a connection in autocommit mode."""
        url = f"postgresql://postgres@127.0.0.1:{self._port}/{name}"
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            yield connection

    def _answers(self) -> bool:
        try:
            with self.admin("postgres"):
                return True
        except psycopg.OperationalError:
            if self.process.poll() is not None:
                raise NoServerError("PostgreSQL did not start; see its log") from None
            return False

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self._log.close()


class Sqlite:
    """The embedded database: a file."""

    has_server = False

    def __init__(self, room: Path) -> None:
        self.path = room / "orchestrator.db"
        make_schema(self.url)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def restart(self) -> None:
        raise NotImplementedError(NO_SERVER)

    def revive(self) -> None:
        """Has nothing that could give up."""

    def cut(self) -> None:
        raise NotImplementedError(NO_SERVER)

    def read_only(self, on: bool) -> None:
        raise NotImplementedError(NO_SERVER)

    def admin(self) -> AbstractContextManager[psycopg.Connection]:
        raise NotImplementedError(NO_SERVER)

    def close(self) -> None:
        """Has nothing to stop."""


class Broker:
    """A private broker on a free port: a Redis, or the embedded one. It keeps nothing over a kill."""

    def __init__(self, room: Path, *, embedded: bool) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(
            port=self.port,
            socket_timeout=3,
            socket_connect_timeout=1,
            # Whoever breaks things has better to do than to wait for what it has killed itself.
            retry=Retry(NoBackoff(), 0),
        )
        self._log: IO[bytes] = (room / "broker.log").open("ab")
        if embedded:
            self._command = [sys.executable, "-m", "workers.broker", "--port", str(self.port)]
        else:
            program = find_program("redis-server")
            if program is None:
                raise NoServerError("Redis is not installed (redis-server)")
            self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1"]
            self._command += ["--save", "", "--dir", str(room)]
        self.start()

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        until(self._pongs, what="the broker answers", timeout_s=60)

    def kill(self) -> None:
        """Kills it with all that it holds."""
        self.process.kill()
        self.process.wait()

    def flush(self) -> None:
        """Empties it: queues, unacknowledged messages, bindings."""
        self.client.flushall()

    def _pongs(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.exceptions.RedisError:
            return False

    def close(self) -> None:
        self.kill()
        self.client.close()
        self._log.close()


def make_database(kind: str, room: Path) -> Database:
    """Makes the database of that kind: `postgres` or `sqlite`."""
    return Postgres(room) if kind == "postgres" else Sqlite(room)
