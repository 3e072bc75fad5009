"""An API process says that vendors can reach it."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from orchestrator.api import app as app_module
from orchestrator.api import make_app
from orchestrator.core.ports import OpenDoor
from orchestrator.testing import Stage
from tests.api.served import Served


def test_a_process_that_answers_says_so(house: Served, stage: Stage) -> None:
    book = house.app.state.desk.webhooks
    app = make_app(
        stage.orchestrator,
        tokens=house.tokens,
        webhooks_book=book,
        requests=house.app.state.desk.requests,
        says_open=True,
    )

    async def doors() -> list[OpenDoor]:
        with anyio.fail_after(10):
            async with app.router.lifespan_context(app):
                while not (found := stage.store.doors()):
                    await anyio.sleep(0)
                return found

    before = stage.store.doors()
    (door,) = anyio.run(doors)

    assert before == []
    assert door.open_until > door.open_since


def test_a_broken_beat_is_not_the_last_one(
    house: Served, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops noting that the door is open stops the leases of all vendors."""
    book = house.app.state.desk.webhooks
    app = make_app(
        stage.orchestrator,
        tokens=house.tokens,
        webhooks_book=book,
        requests=house.app.state.desk.requests,
        says_open=True,
    )
    keep_door, kept = stage.store.keep_door, list[OpenDoor]()

    def breaks_once(door: OpenDoor) -> None:
        kept.append(door)
        if len(kept) == 1:
            raise RuntimeError("nobody thought of this")
        keep_door(door)

    async def beat() -> None:
        with anyio.fail_after(10):
            async with app.router.lifespan_context(app):
                while len(kept) < 2:
                    await anyio.sleep(0)

    monkeypatch.setattr(app_module, "BEAT", timedelta(0))
    monkeypatch.setattr(stage.store, "keep_door", breaks_once)

    anyio.run(beat)
