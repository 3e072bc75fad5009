"""One served API for each test file, and a client for each role."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Served, served


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("api")) as house:
        yield house


@pytest.fixture(scope="module")
def stage(house: Served) -> Stage:
    return house.stage


@pytest.fixture(scope="module")
def admin(house: Served) -> httpx.Client:
    return house.client("root", Role.ADMIN)


@pytest.fixture(scope="module")
def operator(house: Served) -> httpx.Client:
    return house.client("alice", Role.OPERATOR)


@pytest.fixture(scope="module")
def viewer(house: Served) -> httpx.Client:
    return house.client("victor", Role.VIEWER)


@pytest.fixture(scope="module")
def vendor(house: Served) -> httpx.Client:
    return house.client("acme", Role.VENDOR)


@pytest.fixture
def anybody(house: Served) -> httpx.Client:
    return house.bare()
