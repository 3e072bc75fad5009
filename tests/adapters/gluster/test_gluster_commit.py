"""A commit that fails keeps the drain, however long that took, and asks the operator."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.gluster.commands import CommitBricks, DrainBricks, ShrinkVolume
from adapters.gluster.gluster import COMMIT_PATIENCE
from orchestrator import TaskStatus, TryAgain
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.gluster.simulated import EPOCH, Simulated, stored, until

DRAIN = "Move all files off the leaving bricks of volume v"
COMMIT = "Take the drained bricks out of volume v"


def test_a_refused_commit_keeps_the_drain_until_an_operator_restarts_it(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(fail_commit="One of the bricks is down")
    bricks = (cluster.brick("b1"),)
    stage = Stage([ShrinkVolume, DrainBricks, CommitBricks], (cluster.gluster(),))
    top = stage.submit(ShrinkVolume(volume="v", bricks=bricks))

    def status_of_commit() -> Status | None:
        stage.turn(timedelta(seconds=3))
        return stage.statuses(top).get(COMMIT)

    until(lambda: status_of_commit() is Status.NEEDS_ATTENTION, "attention")
    (waiting,) = [one for one in stage.orchestrator.tree(top) if one.label == COMMIT]
    stage.turn(timedelta(days=2))

    assert "One of the bricks is down" in (waiting.message or "")
    assert stage.statuses(top)[DRAIN] is Status.SUCCEEDED
    assert cluster.files("b1") == ()
    assert cluster.gluster().volume_info("v").bricks == (cluster.brick("b0"), *bricks)

    cluster.switch(fail_commit=None)
    stage.orchestrator.restart(waiting.command_id)
    until(lambda: status_of_commit() is Status.SUCCEEDED, "the commit")

    assert cluster.gluster().volume_info("v").bricks == (cluster.brick("b0"),)
    assert stage.orchestrator.get(top).status is Status.SUCCEEDED


def test_a_commit_that_gets_no_answer_is_asked_again_and_then_shown(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    commit = stored(gluster.commit_bricks("v", [cluster.brick("b1")]))
    cluster.switch(glusterd_down=True)

    with pytest.raises(TryAgain):
        gluster.start(commit, again=False)
    cluster.now = EPOCH + COMMIT_PATIENCE
    report = gluster.start(commit, again=True)

    assert report.status is TaskStatus.LOST
    assert "Connection failed" in (report.message or "")
    assert gluster.stop(replace(commit, stop_requested=True)) is None
