"""Stages to play on, each test on the memory store and on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeAlias

import pytest

from orchestrator.core.command import Command
from orchestrator.core.ports import Store
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, Diary, Outside
from tests.engine.shop import Paint, Shop, Turn

Stages: TypeAlias = Callable[..., Stage]


@pytest.fixture
def diary() -> Diary:
    """What the verbs noted."""
    return Diary()


@pytest.fixture
def outside() -> Outside:
    """The outside system."""
    return Outside()


@pytest.fixture(params=["memory", "sqlite"])
def stages(request: pytest.FixtureRequest, diary: Diary, outside: Outside) -> Iterator[Stages]:
    """Makes stages on one store, with the commands of `acts` and with more if they are given."""
    store: Store = MemoryStore()
    if request.param == "sqlite":
        store = SqlStore(make_engine(request.getfixturevalue("sqlite_url")))

    seeds = count()

    def make(*commands: type[Command], supplies: tuple[object, ...] = (), **options: Any) -> Stage:
        catalog = options.pop("catalog", COMMANDS)
        options.setdefault("seed", next(seeds))  # or two stages would give out the same ids
        return Stage((*catalog, *commands), (diary, outside, *supplies), store=store, **options)

    yield make
    if isinstance(store, SqlStore):
        store.close()


@pytest.fixture
def stage(stages: Stages) -> Stage:
    """A stage with the commands of `acts`."""
    return stages()


@pytest.fixture
def shop() -> Shop:
    """The system outside."""
    return Shop()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def each_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield store
    store.close()


@pytest.fixture
def at_shop(each_store: Store, shop: Shop) -> Stage:
    """A stage at the shop."""
    return Stage((Turn, Paint), (shop,), store=each_store)
