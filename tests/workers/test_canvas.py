"""The canvas: real chains and chords of what is ready, with ids only; and a sender without a broker."""

from __future__ import annotations

import time
from typing import Any

import pytest
from celery import Celery, Signature, chord

from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, Diary, Group, Outside, Step
from tests.services import free_port
from workers.canvas import Canvas
from workers.celery import make_app
from workers.sender import CelerySender


@pytest.fixture
def stage() -> Stage:
    """A stage whose nudges are looked at and not delivered."""
    return Stage(COMMANDS, (Diary(), Outside()))


def compiled(stage: Stage, shape: Any, *, fusion: bool) -> list[Signature]:
    """Gives the canvases of what is ready when a plan has been submitted."""
    command_id = stage.submit(Group(name="g", shape=shape))
    ready = [one for one in stage.orchestrator.tree(command_id) if one.status is Status.READY]
    app = Celery("test", broker="memory://", set_as_current=False)
    return Canvas(app, stage.store, fusion=fusion).compile(ready)


def test_a_command_alone_is_one_signature_with_its_id(stage: Stage) -> None:
    command_id = stage.submit(Step(name="a"))
    app = Celery("test", broker="memory://", set_as_current=False)

    (found,) = Canvas(app, stage.store, fusion=True).compile([stage.orchestrator.get(command_id)])

    assert found.task == "step"
    assert tuple(found.args) == (command_id,)
    assert dict(found.kwargs) == {}
    assert found.options["task_id"] == command_id


def test_parts_side_by_side_are_a_chord_whose_body_is_their_parent(stage: Stage) -> None:
    (found,) = compiled(stage, ["par", "a", "b", "c"], fusion=True)

    assert isinstance(found, chord)
    assert len(found.tasks) == 3
    tree = stage.orchestrator.tree(stage.orchestrator.commands().items[0].command_id)
    assert [one.args[0] for one in found.tasks] == [one.command_id for one in tree[1:]]
    assert found.body.args[0] == tree[0].command_id


def test_without_fusion_a_sequence_is_a_chain(stage: Stage) -> None:
    (found,) = compiled(stage, ["seq", "a", "b", "c"], fusion=False)

    assert found.task == "celery.chain"
    assert [one.task for one in found.tasks] == ["step"] * 3


def test_a_chain_ends_before_a_composite_part(stage: Stage) -> None:
    (found,) = compiled(stage, ["seq", "a", "b", ["par", "c", "d"], "e"], fusion=False)

    assert len(found.tasks) == 2


def test_with_fusion_a_sequence_is_one_message(stage: Stage) -> None:
    (found,) = compiled(stage, ["seq", "a", "b", "c"], fusion=True)

    assert found.task == "step"


@pytest.mark.parametrize("fusion", [True, False])
def test_a_canvas_carries_ids_and_no_parameters(stage: Stage, *, fusion: bool) -> None:
    (found,) = compiled(stage, ["par", "secret-a", "secret-b"], fusion=fusion)

    assert "secret" not in str(dict(found))


def test_a_sender_without_a_broker_neither_raises_nor_blocks(stage: Stage) -> None:
    command_id = stage.submit(Step(name="a"))
    app = make_app(f"redis://127.0.0.1:{free_port()}/0")
    sender = CelerySender(app, Canvas(app, stage.store, fusion=True))
    begun = time.monotonic()

    for _ in range(20):
        sender.launch([stage.orchestrator.get(command_id)])

    assert time.monotonic() - begun < 3
    app.close()
