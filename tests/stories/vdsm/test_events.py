"""The end of a job is known when the host tells it, not when the next poll is due."""

from __future__ import annotations

from adapters.vdsm.commands import CopyDisk
from orchestrator.core.status import Status
from tests.adapters.contract import eventually
from tests.stories.vdsm.house import PoolHouse


def test_a_copy_ends_without_a_poll_of_the_clock(house: PoolHouse) -> None:
    vm = house.vm(200_000, running=False)
    command_id = house.stage.submit(CopyDisk(image_id=vm.images[0]))
    house.go_on(command_id, until=house.begun("SDM.copy_data"))
    house.stage.turn(house.stage.poller.interval)  # the poller has seen it run
    house.stage.poller.news.clear()

    eventually(house.stage.poller.news.is_set)
    house.stage.clock.turn(house.stage.poller.interval / 10)
    house.stage.play()

    assert house.stage.orchestrator.get(command_id).status is Status.SUCCEEDED
