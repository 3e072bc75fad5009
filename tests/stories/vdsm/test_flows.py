"""Each flow, undisturbed and against each fault: it succeeds whole, or it leaves what was there before."""

from __future__ import annotations

import pytest

from orchestrator.core.status import Status
from tests.stories.vdsm.flows import FLOWS, Flow, Played
from tests.stories.vdsm.house import PoolHouse, failing, flip, lost

PAIRS = [(flow, verb) for flow in FLOWS for verb in FLOWS[flow].works]


@pytest.fixture(params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    return FLOWS[request.param]


def judge(house: PoolHouse, played: Played, before: dict[str, str], command_id: str) -> Status:
    """Checks that it ended in one of the two ways, and gives which."""
    status = house.stage.orchestrator.get(command_id).status
    assert status in (Status.SUCCEEDED, Status.FAILED), house.told(command_id)
    assert house.locks() == []
    if status is Status.SUCCEEDED:
        played.succeeded()
    elif played.is_undone is not None:
        played.is_undone()
    else:
        assert house.fingerprint() == before, house.told(command_id)
    return status


def test_a_flow_succeeds(house: PoolHouse, flow: Flow) -> None:
    played = flow.begin(house)

    ended = house.run(played.command)

    assert judge(house, played, {}, ended.command_id) is Status.SUCCEEDED, house.told(
        ended.command_id
    )


@pytest.mark.parametrize(("name", "verb"), PAIRS)
def test_a_lost_reply_costs_a_flow_nothing(house: PoolHouse, name: str, verb: str) -> None:
    played = FLOWS[name].begin(house)
    before = house.fingerprint()
    house.inject(lost(verb))

    ended = house.run(played.command)

    assert judge(house, played, before, ended.command_id) is Status.SUCCEEDED, house.told(
        ended.command_id
    )


@pytest.mark.parametrize(("name", "verb"), PAIRS)
def test_work_that_fails_at_40_percent_leaves_what_was_there(
    house: PoolHouse, name: str, verb: str
) -> None:
    played = FLOWS[name].begin(house)
    before = house.fingerprint()
    house.inject(failing(verb, at=0.4))

    ended = house.run(played.command)

    judge(house, played, before, ended.command_id)


def test_a_manager_that_gives_up_midway_leaves_all_or_nothing(house: PoolHouse, flow: Flow) -> None:
    played = flow.begin(house)
    before = house.fingerprint()
    house.inject(flip())

    ended = house.run(played.command)

    judge(house, played, before, ended.command_id)


def test_a_host_that_crashes_midway_leaves_all_or_nothing(house: PoolHouse, flow: Flow) -> None:
    played = flow.begin(house)
    before = house.fingerprint()
    command_id = house.run(played.command, until=house.begun(flow.main)).command_id

    house.hosts[0].kill()
    house.go_on(command_id, until=house.pause(20))
    house.hosts[0].start()
    house.go_on(command_id)

    judge(house, played, before, command_id)
