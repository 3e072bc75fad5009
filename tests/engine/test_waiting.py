"""Waiting for the end of a command while the database comes and goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.app import Orchestrator, Pause
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import UnavailableError
from orchestrator.store.memory import MemoryStore
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, Diary, Outside, Step


class Absent(MemoryStore):
    """A store that can be away."""

    is_away = False

    def get(self, command_id: str) -> CommandEntity | None:
        self._check()
        return super().get(command_id)

    def find_ids(self, prefix: str, limit: int) -> list[str]:
        self._check()
        return super().find_ids(prefix, limit)

    def _check(self) -> None:
        if self.is_away:
            raise UnavailableError("the database cannot be used now")


def test_a_wait_goes_on_while_the_database_is_away() -> None:
    store = Absent()
    stage = Stage(COMMANDS, supplies=[Diary(), Outside()], store=store)

    @contextmanager
    def watch(_command_id: str) -> Iterator[Pause]:
        def pause(_seconds: float, _most: float) -> None:
            store.is_away = False
            stage.play()

        store.is_away = True
        yield pause

    front = Orchestrator(
        store, stage.writer, stage.orchestrator.catalog, stage.orchestrator.sender, watch=watch
    )
    job = stage.orchestrator.submit(Step(name="a"))

    assert front.wait(job.id).status.is_final


@pytest.mark.parametrize("named_by", ["id", "prefix"])
def test_the_first_look_of_a_wait_waits_for_the_database_too(
    named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Absent()
    stage = Stage(COMMANDS, supplies=[Diary(), Outside()], store=store)
    job = stage.orchestrator.submit(Step(name="a"))
    stage.play()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        store.is_away = len(pauses) < 3

    store.is_away = True
    monkeypatch.setattr("orchestrator.app.time.sleep", pause)

    found = stage.orchestrator.wait(job.id if named_by == "id" else job.id[:8])

    assert (found.command_id, found.status.is_final, len(pauses)) == (job.id, True, 3)


def test_a_wait_says_so_if_the_database_is_still_away_at_its_end() -> None:
    store = Absent()
    stage = Stage(COMMANDS, supplies=[Diary(), Outside()], store=store)

    @contextmanager
    def watch(_command_id: str) -> Iterator[Pause]:
        store.is_away = True
        yield lambda _seconds, _most: None

    front = Orchestrator(
        store, stage.writer, stage.orchestrator.catalog, stage.orchestrator.sender, watch=watch
    )
    job = stage.orchestrator.submit(Step(name="a"))

    with pytest.raises(UnavailableError):
        front.wait(job.id, timeout=0)
