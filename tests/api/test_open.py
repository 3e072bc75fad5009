"""An API process says that vendors can reach it."""

from __future__ import annotations

import anyio

from orchestrator.api import make_app
from orchestrator.core.ports import OpenDoor
from orchestrator.testing import Stage
from tests.api.served import Served


def test_a_process_that_answers_says_so(house: Served, stage: Stage) -> None:
    book = house.app.state.desk.webhooks
    app = make_app(stage.orchestrator, tokens=house.tokens, webhooks_book=book, says_open=True)

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
