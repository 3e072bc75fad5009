"""What a listing does not show: a volume that is busy is no task that is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.gluster.gluster import Gluster
from adapters.gluster.xml import read_listed_tasks, read_listed_volumes, read_reply
from orchestrator import AsyncTaskRef, TaskStatus, TryAgain
from tests.adapters.gluster.simulated import Simulated, after, stored

GRACE = timedelta(seconds=30)


def two_rebalances(cluster: Simulated, gluster: Gluster) -> list[AsyncTaskRef]:
    """Rebalances of `v` and `w` that run."""
    cluster.switch(freeze=True)
    refs = []
    for name in ("v", "w"):
        cluster.seed(name, 2)
        ref = replace(stored(gluster.rebalance(name)), task_id=name)
        refs.append(after(ref, gluster.start(ref, again=False)))
    return refs


def told(gluster: Gluster, refs: list[AsyncTaskRef]) -> dict[str | None, TaskStatus]:
    return {one.task_id: one.status for one in gluster.poll("gluster", refs)}


def test_a_listing_without_a_busy_volume_says_nothing_of_its_task(cluster: Simulated) -> None:
    gluster = cluster.gluster()
    refs = two_rebalances(cluster, gluster)

    cluster.switch(busy_volumes=["v"])
    listing = cluster.ask("volume", "status", "all", "tasks")
    while_busy = []
    for _ in range(3):
        while_busy.append(told(gluster, refs))
        cluster.now += timedelta(hours=1)
    cluster.switch(busy_volumes=None)

    assert (listing.returned, [*read_listed_volumes(listing)]) == (0, ["w"])
    assert while_busy[0] == {"w": TaskStatus.RUNNING}
    assert all("v" not in one for one in while_busy)
    assert told(gluster, refs[:1]) == {"v": TaskStatus.RUNNING}


def test_a_task_is_lost_when_its_volume_has_been_listed_without_it_for_a_while(
    cluster: Simulated,
) -> None:
    gluster = cluster.gluster(absent_after=GRACE)
    refs = two_rebalances(cluster, gluster)
    cluster.ask("volume", "rebalance", "v", "stop")

    at_first = told(gluster, refs[:1])
    cluster.now += GRACE
    cluster.switch(busy_volumes=["v"])
    while_busy = told(gluster, refs[:1])
    cluster.switch(busy_volumes=None)

    assert (at_first, while_busy) == ({}, {})
    assert told(gluster, refs[:1]) == {"v": TaskStatus.LOST}


def test_a_task_of_a_volume_that_is_down_is_not_lost(cluster: Simulated) -> None:
    gluster = cluster.gluster()
    refs = two_rebalances(cluster, gluster)
    cluster.ask("volume", "rebalance", "v", "stop")
    assert cluster.ask("volume", "stop", "v").returned == 0

    assert told(gluster, refs[:1]) == {}


def test_a_start_looks_again_when_the_volume_is_busy(cluster: Simulated) -> None:
    gluster = cluster.gluster()
    refs = two_rebalances(cluster, gluster)
    cluster.switch(busy_volumes=["v"])

    with pytest.raises(TryAgain):
        gluster.start(refs[0], again=True)


def test_a_real_partial_listing_has_fewer_volumes_and_says_yes() -> None:
    shown = "".join(
        f"<volume><volName>{name}</volName><tasks><task><type>Rebalance</type><id>{name}</id>"
        "<status>3</status><statusStr>completed</statusStr></task></tasks></volume>"
        for name in ("disp", "dist", "dist3")
    )
    reply = read_reply(
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes>"
        f"{shown}</volumes></volStatus></cliOutput>"
    )

    assert reply.returned == 0
    assert read_listed_volumes(reply) == {"disp", "dist", "dist3"}
    assert len(read_listed_tasks(reply)) == 3
