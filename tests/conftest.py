"""Fixtures that every ring's tests may ask for: servers, databases, brokers, ports."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog

from tests import services


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Logs tracebacks in plain: the renderer for terminals would draw every local of them."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server, without a database's name; one for the whole run."""
    with services.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> Iterator[str]:
    """The name of a database with our empty tables, to copy from."""
    with services.new_database(postgres_server) as url:
        services.make_schema(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database without any table."""
    with services.new_database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database with our empty tables."""
    with services.new_database(postgres_server, template_database) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a new SQLite database with our empty tables."""
    url = f"sqlite:///{tmp_path / 'orchestrator.db'}"
    services.make_schema(url)
    return url


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """The URL of a Redis; one for the whole run."""
    with services.redis_server() as url:
        yield url


@pytest.fixture
def broker_url(redis_server_url: str) -> Iterator[str]:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushdb()
        yield redis_server_url
        client.flushdb()


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return services.free_port()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Gives a certificate of 127.0.0.1 and its key."""
    if services.find_program("openssl") is None:
        pytest.skip("openssl is not installed; it makes the server's certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "server.pem", folder / "server.key"
    about = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(made)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *about, *files], check=True, capture_output=True)
    return made, key
