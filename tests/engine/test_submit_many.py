"""Many commands at once."""

from __future__ import annotations

import pytest

from orchestrator import Command, Plan, sequence
from orchestrator.core.errors import BadInputError
from orchestrator.core.status import Status
from orchestrator.testing import Stage


class Note(Command, kind="many.note"):
    text: str

    def execute(self) -> None: ...


class Notes(Command, kind="many.notes"):
    texts: tuple[str, ...]

    def plan(self) -> Plan:
        return sequence(Note(text=text) for text in self.texts)


def test_many_commands_are_roots_of_their_own() -> None:
    stage = Stage([Note, Notes])

    handles = stage.orchestrator.submit_many([Notes(texts=("a", "b")) for _ in range(120)])
    stage.play()

    assert len({handle.id for handle in handles}) == 120
    assert {stage.orchestrator.get(one.id).status for one in handles} == {Status.SUCCEEDED}


def test_one_bad_command_among_many_stores_none() -> None:
    stage = Stage([Note, Notes])

    with pytest.raises(BadInputError, match="bytes"):
        stage.orchestrator.submit_many([Notes(texts=("a",)), Notes(texts=("x" * 2**20,))])

    assert stage.orchestrator.commands().total == 0
