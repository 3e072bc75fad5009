"""A silence while our door was shut is ours: it is not held against a vendor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import TaskStatus, TryAgain, external
from orchestrator.core.asynctask import AsyncTaskRef, TaskReport
from orchestrator.core.status import Status
from orchestrator.engine.door import CERTAIN_FOR, Door
from orchestrator.engine.vendor_claim import VendorClaim
from orchestrator.testing import FakeVendors, Stage
from tests.engine.conftest import Stages

MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=5)


@pytest.fixture
def stage(stages: Stages) -> Stage:
    return stages()


def pass_time(stage: Stage, length: timedelta, *doors: Door) -> None:
    """Lets time pass while these doors are open."""
    passed = timedelta(0)
    while passed < length:
        for door in doors:
            door.beat()
        stage.turn(STEP)
        passed += STEP


def begun(stage: Stage) -> str:
    task = stage.submit(external("acme", "Clone it", lease=MINUTE))
    stage.play()
    stage.turn(timedelta(seconds=1))
    stage.report(task, TaskStatus.RUNNING, progress=0.1)
    return task


def status(stage: Stage, task: str) -> Status:
    return stage.orchestrator.get(task).status


def test_silence_before_an_open_door_is_silence(stage: Stage) -> None:
    task, door = begun(stage), stage.orchestrator.door("one")

    pass_time(stage, MINUTE + 2 * STEP, door)

    assert status(stage, task) is Status.NEEDS_ATTENTION


def test_an_outage_gives_the_time_back(stage: Stage) -> None:
    task, door = begun(stage), stage.orchestrator.door("one")
    pass_time(stage, MINUTE / 2, door)

    pass_time(stage, 20 * MINUTE)  # nobody could reach us
    during = status(stage, task)
    reopened = stage.orchestrator.door("two")
    pass_time(stage, MINUTE - STEP, reopened)
    after = status(stage, task)
    pass_time(stage, 4 * STEP, reopened)

    assert (during, after) == (Status.WAITING, Status.WAITING)
    assert status(stage, task) is Status.NEEDS_ATTENTION


def test_a_process_that_froze_opened_anew(stage: Stage) -> None:
    task, door = begun(stage), stage.orchestrator.door("one")
    pass_time(stage, MINUTE / 2, door)
    stage.turn(2 * CERTAIN_FOR)

    pass_time(stage, MINUTE / 2, door)

    assert status(stage, task) is Status.WAITING


def test_one_open_door_of_two_is_enough(stage: Stage) -> None:
    task = begun(stage)
    stays, goes = stage.orchestrator.door("one"), stage.orchestrator.door("two")
    pass_time(stage, MINUTE / 2, stays, goes)

    pass_time(stage, MINUTE / 2 + 2 * STEP, stays)

    assert status(stage, task) is Status.NEEDS_ATTENTION


def test_a_claim_outlives_an_outage(stage: Stage) -> None:
    task = stage.submit(external("acme", "Clone it"))
    stage.play()
    door = stage.orchestrator.door("one")
    door.beat()
    claim = VendorClaim(vendor="acme", program="one", lease_s=60)
    (taken,) = stage.orchestrator.claim_external(claim)

    pass_time(stage, 10 * MINUTE)
    reopened = stage.orchestrator.door("two")
    pass_time(stage, MINUTE / 2, reopened)
    too_early = stage.orchestrator.claim_external(claim)
    pass_time(stage, MINUTE, reopened)
    again = stage.orchestrator.claim_external(claim)

    assert taken.command is not None
    assert taken.command.command_id == task
    assert too_early == []
    assert [one.task.claims for one in again if one.task] == [2]


class Reluctant(FakeVendors):
    """Has each start asked once more, long after the vendor began to work."""

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        if not again:
            raise TryAgain("not yet", after=3 * MINUTE)
        return super().start(task, again=again)


def test_silence_before_the_command_waits_counts_once_it_waits(stages: Stages) -> None:
    """As when a worker dies between the start and the waiting: the lease runs out meanwhile."""
    stage = stages(supplies=(Reluctant(),))
    task, door = begun(stage), stage.orchestrator.door("one")
    pass_time(stage, 2 * MINUTE, door)
    before = status(stage, task)

    pass_time(stage, 3 * MINUTE, door)

    assert before is Status.DELAYED
    assert status(stage, task) is Status.NEEDS_ATTENTION
