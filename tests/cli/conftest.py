"""A served API for the command line, and a hand that types."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import make_app
from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Served, served

Typing: TypeAlias = Callable[..., Result]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("cli")) as house:
        yield house


@pytest.fixture(scope="module")
def token(house: Served) -> str:
    return house.tokens.create("alice", Role.ADMIN)


@pytest.fixture
def stage(house: Served) -> Stage:
    return house.stage


@pytest.fixture
def cli(
    house: Served, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Types `orchestrator WORDS...` as alice, an administrator."""
    monkeypatch.setenv("ORCHESTRATOR_API_URL", house.url)
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", token)
    monkeypatch.setenv("ORCHESTRATOR_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ORCHESTRATOR_CONFIG", raising=False)

    def type_in(*words: str, **given: Any) -> Result:
        return CliRunner().invoke(make_app(), words, prog_name="orchestrator", **given)

    return type_in


def json_of(result: Result) -> Any:
    """Reads the results of a command that went well."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@contextmanager
def playing(stage: Stage) -> Iterator[None]:
    """Has the stage play, again and again, while the block lasts."""
    is_over = threading.Event()

    def play() -> None:
        while not is_over.wait(0.01):
            stage.play()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
