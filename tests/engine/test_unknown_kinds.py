"""A command that no living worker knows sleeps and says so; it begins when somebody comes who does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator import Command
from orchestrator.core.status import Status
from orchestrator.monitor.monitor import Monitor
from orchestrator.testing import Stage


class Mine(Command, kind="unknown.mine"):
    """Is known to one module alone."""

    def execute(self) -> str:
        return "done"


def beat(stage: Stage, *kinds: str) -> None:
    """Has the worker of the stage say that it knows these kinds."""
    row = next(one for one in stage.store.workers() if one.worker_id == "stage")
    stage.store.heartbeat(replace(row, kinds=kinds))


def wait(stage: Stage, seconds: int) -> None:
    """Lets time pass while the scheduler alone is at work."""
    for _ in range(seconds):
        stage.clock.turn(timedelta(seconds=1))
        stage.reconciler.tick()
        stage.inbox.nudges.clear()


def test_it_is_delayed_with_the_reason_and_told_by_kind() -> None:
    stage = Stage((Mine,))
    beat(stage, "another.kind")
    command = stage.submit(Mine())

    wait(stage, 10)

    found = stage.orchestrator.get(command)
    assert found.status is Status.DELAYED
    assert (
        found.message
        == "no worker that is alive knows the kind 'unknown.mine'; start one that does"
    )
    assert Monitor(stage.store, stage.catalog).unclaimed() == {"unknown.mine": 1}
    news = len(stage.store.history(command))
    wait(stage, 60)
    assert len(stage.store.history(command)) <= news + 6  # it is looked at ever more seldom


def test_it_begins_when_a_worker_comes_that_knows_it() -> None:
    stage = Stage((Mine,))
    beat(stage, "another.kind")
    command = stage.submit(Mine())
    wait(stage, 60)

    beat(stage, "unknown.mine")
    for _ in range(20):
        stage.turn(timedelta(seconds=1))

    found = stage.orchestrator.get(command)
    assert (found.status, found.message) == (Status.SUCCEEDED, None)


def test_it_can_be_stopped_and_skipped_meanwhile() -> None:
    stage = Stage((Mine,))
    beat(stage, "another.kind")
    first, second = stage.submit(Mine()), stage.submit(Mine())
    wait(stage, 10)

    stage.orchestrator.stop(first, "not needed")
    stage.orchestrator.skip(second, "not needed")

    assert stage.orchestrator.get(first).status is Status.STOPPED
    assert stage.orchestrator.get(second).status is Status.SKIPPED


def test_without_any_worker_it_stays_ready() -> None:
    stage = Stage((Mine,))
    stage.store.farewell("stage")
    command = stage.submit(Mine())

    wait(stage, 30)

    assert stage.orchestrator.get(command).status is Status.READY
