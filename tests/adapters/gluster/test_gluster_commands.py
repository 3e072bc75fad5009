"""The Gluster commands: what they declare, and where the files are afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.gluster.commands import (
    CommitBricks,
    DrainBricks,
    RebalanceVolume,
    ReplaceBrick,
    ShrinkVolume,
)
from adapters.gluster.gluster import Gluster
from orchestrator import AsyncTask, TaskReport, TaskStatus, exclusive, sequence
from tests.adapters.gluster.simulated import FIRST, Simulated, after, follow, stored


def played(gluster: Gluster, task: AsyncTask[Any]) -> TaskReport:
    """Does with an async task what the engine does: store, start, follow, clear."""
    ref = stored(task)
    ref = after(ref, gluster.start(ref, again=False))
    report = follow(gluster, ref)
    gluster.clear(after(ref, report))
    return report


def test_a_rebalance_fills_a_new_brick(cluster: Simulated) -> None:
    cluster.seed("v", 2, files=60)
    cluster.ask("volume", "add-brick", "v", cluster.brick("b2"))
    gluster = cluster.gluster()
    command = RebalanceVolume(volume="v")

    report = played(gluster, command.execute(gluster, FIRST))

    everywhere = [name for brick in ("b0", "b1", "b2") for name in cluster.files(brick)]
    assert report.status is TaskStatus.SUCCEEDED
    assert cluster.files("b2")
    assert sorted(everywhere) == sorted(f"f{i}" for i in range(60))
    assert command.locks() == exclusive("gluster_volume", "v")
    assert command.describe() == "Rebalance volume v"


def test_shrinking_is_to_drain_and_then_to_commit(cluster: Simulated) -> None:
    bricks = (cluster.brick("b1"),)

    plan = ShrinkVolume(volume="v", bricks=bricks).plan()

    assert plan == sequence(
        DrainBricks(volume="v", bricks=bricks), CommitBricks(volume="v", bricks=bricks)
    )


def test_a_shrunken_volume_has_all_its_files_on_the_bricks_that_stay(cluster: Simulated) -> None:
    cluster.seed("v", 3, files=60)
    gluster = cluster.gluster()
    bricks = (cluster.brick("b0"), cluster.brick("b2"))

    report = played(gluster, DrainBricks(volume="v", bricks=bricks).execute(gluster, FIRST))
    commit = stored(CommitBricks(volume="v", bricks=bricks).execute(gluster))
    committed = [gluster.start(commit, again=again).status for again in (False, True)]

    assert report.status is TaskStatus.SUCCEEDED
    assert committed == [TaskStatus.SUCCEEDED] * 2
    assert (cluster.files("b0"), cluster.files("b2")) == ((), ())
    assert len(cluster.files("b1")) == 60
    assert gluster.volume_info("v").bricks == (cluster.brick("b1"),)


def test_bricks_whose_files_cannot_all_leave_stay_in_use(cluster: Simulated) -> None:
    cluster.seed("v", 2, files=40)
    cluster.switch(full_bricks=[cluster.brick("b0")])
    gluster = cluster.gluster()
    bricks = (cluster.brick("b1"),)

    report = played(gluster, DrainBricks(volume="v", bricks=bricks).execute(gluster, FIRST))

    assert report.status is TaskStatus.FAILED
    commit = stored(CommitBricks(volume="v", bricks=bricks).execute(gluster))
    refused = gluster.start(commit, again=False)
    assert refused.status is TaskStatus.LOST
    assert "is not decommissioned" in (refused.message or "")
    assert len(cluster.files("b0")) + len(cluster.files("b1")) == 40
    cluster.switch(full_bricks=None)
    RebalanceVolume(volume="v").execute(gluster, FIRST)  # nothing is left in the way


def test_an_uncommitted_drain_is_undone_by_taking_the_bricks_back(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    drain = DrainBricks(volume="v", bricks=(cluster.brick("b1"),))
    played(gluster, drain.execute(gluster, FIRST))

    drain.compensate(gluster)
    drain.compensate(gluster)

    assert cluster.ask("volume", "rebalance", "v", "start").returned == 0


@pytest.mark.parametrize("volume", ["", "--remote-host=elsewhere", "a b", "a/b"])
def test_a_volume_cannot_be_named_like_an_option(volume: str) -> None:
    with pytest.raises(ValidationError):
        RebalanceVolume(volume=volume)


@pytest.mark.parametrize("bricks", [(), ("no-path",), ("-h:/a",), ("force",)])
def test_bricks_need_a_host_and_a_path(bricks: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        ShrinkVolume(volume="v", bricks=bricks)


def test_a_brick_cannot_replace_itself() -> None:
    with pytest.raises(ValidationError, match="cannot replace itself"):
        ReplaceBrick(volume="v", old="h:/a", new="h:/a")
