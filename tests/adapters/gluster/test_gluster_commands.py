"""The Gluster commands: what they declare, and where the files are afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.gluster.commands import (
    CommitBricks,
    DrainBricks,
    HealVolume,
    RebalanceVolume,
    ReduceReplicas,
    ReplaceBrick,
    ShrinkVolume,
    TakeBrickBack,
    TakeBrickOut,
)
from adapters.gluster.gluster import Gluster
from orchestrator import (
    AsyncTask,
    Refused,
    TaskReport,
    TaskStatus,
    best_effort,
    exclusive,
    sequence,
)
from tests.adapters.gluster.simulated import FIRST, Simulated, after, follow, healed, stored


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


def test_a_shrink_ends_with_a_rebalance_when_asked_to() -> None:
    plan = ShrinkVolume(volume="v", bricks=("h:/b",), rebalance=True).plan()

    assert plan == sequence(
        DrainBricks(volume="v", bricks=("h:/b",)),
        CommitBricks(volume="v", bricks=("h:/b",)),
        best_effort(RebalanceVolume(volume="v")),
    )


def test_a_commit_warns_that_names_may_be_missed(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    bricks = (cluster.brick("b1"),)
    played(gluster, DrainBricks(volume="v", bricks=bricks).execute(gluster, FIRST))

    commit = stored(CommitBricks(volume="v", bricks=bricks).execute(gluster))
    report = gluster.start(commit, again=False)

    assert "run gluster.volume.rebalance" in (report.message or "")


def test_replicas_are_given_up_once_and_only_when_those_that_stay_are_whole(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 6, replica_count=3)
    gluster = cluster.gluster()
    leaving = (cluster.brick("b2"), cluster.brick("b5"))
    shrink = ShrinkVolume(volume="v", bricks=leaving, replica_count=2)
    reduce = ReduceReplicas(volume="v", bricks=leaving, replica_count=2)

    cluster.switch(pending_bricks=[cluster.brick("b0")])
    with pytest.raises(Refused, match="has entries to be healed"):
        reduce.execute(gluster)
    cluster.switch(pending_bricks=None, away_bricks=[cluster.brick("b0")])
    with pytest.raises(Refused, match="is not connected"):
        reduce.execute(gluster)
    cluster.switch(away_bricks=[cluster.brick("b2")])  # it leaves: no matter
    reduce.execute(gluster)
    reduce.execute(gluster)

    info = gluster.volume_info("v")
    assert shrink.plan() == sequence(reduce)
    assert (info.replica_count, len(info.bricks)) == (2, 4)


def test_a_brick_is_reset_and_healed(cluster: Simulated) -> None:
    cluster.seed("v", 3, replica_count=3)
    gluster, brick = cluster.gluster(), cluster.brick("b1")
    wanted = cluster.contents("b1")

    TakeBrickOut(volume="v", brick=brick).execute(gluster)
    for name in cluster.files("b1"):
        (cluster.folder / "bricks" / "b1" / name).unlink()
    task = stored(TakeBrickBack(volume="v", brick=brick).execute(gluster))
    report = healed(cluster, after(task, gluster.start(task, again=False)))

    assert report.status is TaskStatus.SUCCEEDED
    assert cluster.contents("b1") == wanted


def test_a_brick_is_not_taken_out_while_another_lacks_something(cluster: Simulated) -> None:
    cluster.seed("v", 3, replica_count=3)
    cluster.switch(away_bricks=[cluster.brick("b0")])

    with pytest.raises(Refused, match=r"is not reset: its replica .*b0 is not connected"):
        TakeBrickOut(volume="v", brick=cluster.brick("b1")).execute(cluster.gluster())


@pytest.mark.parametrize("full", [False, True])
def test_a_volume_is_healed(cluster: Simulated, full: bool) -> None:
    cluster.seed("v", 3, replica_count=3)
    (cluster.folder / "bricks" / "b0" / "f1").unlink()
    gluster = cluster.gluster()
    task = stored(HealVolume(volume="v", full=full).execute(gluster))

    report = healed(cluster, after(task, gluster.start(task, again=False)))

    assert report.status is TaskStatus.SUCCEEDED
    assert ("f1" in cluster.files("b0")) is full, "an index walk sees only what is marked"


def test_a_volume_without_replicas_is_not_healed(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    task = stored(HealVolume(volume="v").execute(gluster))

    with pytest.raises(Refused, match="has no replicas"):
        gluster.start(task, again=False)


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
