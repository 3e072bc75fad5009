"""A server as oVirt's clients find it: over TLS, with a worker behind it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Served, served
from tests.ovirt.clients import python

HERE = Path(__file__).parent


class Client:
    """A vendor's program with oVirt's SDK."""

    def __init__(self, url: str, ca_file: Path, user: str, password: str) -> None:
        self.url = url
        self.ca_file = ca_file
        self.user = user
        self.password = password

    def started(self, deed: str, *words: str) -> subprocess.Popen[str]:
        """Begins a deed."""
        told = (deed, f"{self.url}/ovirt-engine/api", str(self.ca_file), self.user, self.password)
        return subprocess.Popen(
            [python(), str(HERE / "sdk_day.py"), *told, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def does(self, deed: str, *words: str) -> str:
        """Does a deed to its end, and gives what it said."""
        return said_by(self.started(deed, *words))


def said_by(running: subprocess.Popen[str]) -> str:
    """Gives what a program says until it ends, which it must do well."""
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    return output


@contextmanager
def working(folder: Path, certificate: tuple[Path, Path]) -> Iterator[Served]:
    """Serves over TLS, with a worker that does what is due."""
    with served(folder, certificate=certificate, patience_s=10.0) as house, at_work(house.stage):
        yield house


@contextmanager
def at_work(stage: Stage) -> Iterator[None]:
    """Has a worker do what is due, for as long as the block lasts."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(0.01):
            stage.clock.time = datetime.now(UTC)
            stage.play()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join(20)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[Served]:
    with working(tmp_path_factory.mktemp("ovirt"), certificate) as house:
        yield house


@pytest.fixture(scope="module")
def client(house: Served, certificate: tuple[Path, Path]) -> Client:
    password = house.tokens.create("netapp", Role.VENDOR)
    return Client(house.url, certificate[0], "netapp@internal", password)
