"""A command that is called again looks first: its task may still run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.gluster.commands import DrainBricks, RebalanceVolume
from orchestrator import Refused, TaskStatus
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.gluster.simulated import FIRST, Simulated, after, stored, until

AGAIN = replace(FIRST, attempt=3)


def test_a_rebalance_that_still_runs_is_gone_on_with(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    gluster, command = cluster.gluster(), RebalanceVolume(volume="v")
    first = stored(command.execute(gluster, FIRST))
    first = after(first, gluster.start(first, again=False))

    report = gluster.start(stored(command.execute(gluster, AGAIN)), again=False)

    assert report.external_id == first.external_id
    assert report.status is TaskStatus.RUNNING
    assert "goes on with the task that was there" in (report.message or "")


def test_a_rebalance_of_which_nothing_runs_is_begun_anew(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster, command = cluster.gluster(), RebalanceVolume(volume="v")
    first = stored(command.execute(gluster, FIRST))
    first = after(first, gluster.start(first, again=False))
    until(lambda: next(iter(gluster.poll("gluster", [first]))).status.has_ended, "its end")

    report = gluster.start(stored(command.execute(gluster, AGAIN)), again=False)

    assert report.external_id != first.external_id
    assert report.message == "started; nothing of it ran, it was begun anew"


def test_a_drain_that_waits_for_its_commit_is_gone_on_with(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    command = DrainBricks(volume="v", bricks=(cluster.brick("b1"),))
    first = stored(command.execute(gluster, FIRST))
    first = after(first, gluster.start(first, again=False))
    until(lambda: not cluster.files("b1"), "the drain")

    report = gluster.start(stored(command.execute(gluster, AGAIN)), again=False)

    assert report.external_id == first.external_id


def test_what_somebody_else_runs_is_not_gone_on_with_at_first(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    cluster.ask("volume", "rebalance", "v", "start")
    gluster = cluster.gluster()

    task = stored(RebalanceVolume(volume="v").execute(gluster, FIRST))

    with pytest.raises(Refused, match="already started"):
        gluster.start(task, again=False)


def test_an_operator_restarts_a_rebalance_that_fell_silent_and_it_goes_on(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    stage = Stage([RebalanceVolume], (cluster.gluster(),))
    command_id = stage.submit(RebalanceVolume(volume="v"))
    tasks = cluster.state_dir / "tasks"
    stage.turn(timedelta(seconds=1))
    cluster.switch(glusterd_down=True)

    def status() -> Status:
        stage.turn(timedelta(minutes=2))
        return stage.orchestrator.get(command_id).status

    until(lambda: status() is Status.NEEDS_ATTENTION, "attention")
    cluster.switch(glusterd_down=None)
    stage.orchestrator.restart(command_id)

    def message() -> str:
        stage.turn(timedelta(seconds=2))
        return stage.orchestrator.get(command_id).message or ""

    until(lambda: "goes on with the task that was there" in message(), "the news")
    cluster.switch(freeze=None)
    until(lambda: status() is Status.SUCCEEDED, "its end")

    assert len(list(tasks.glob("*.job"))) == 1
