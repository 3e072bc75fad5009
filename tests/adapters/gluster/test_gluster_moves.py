"""Stories of files that move on a real cluster of three nodes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from adapters.gluster.commands import CommitBricks, DrainBricks, RebalanceVolume, ShrinkVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.xml import read_listed_volumes
from orchestrator import TaskStatus
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.gluster.nodes import FILES, NODES, RealNodes, contents, filled
from tests.adapters.gluster.simulated import FIRST, after, follow, stored, until

pytestmark = pytest.mark.real
LARGE = {name: data * 50 for name, data in FILES.items()}


def test_a_rebalance_survives_the_death_of_everything(nodes: RealNodes) -> None:
    filled(nodes, "kill", on=NODES[:2], files=LARGE)
    nodes.gluster("volume", "add-brick", "kill", nodes.brick("n3", "kill-n3"), "force")
    gluster, command = Gluster(nodes.cli()), RebalanceVolume(volume="kill")
    task = stored(command.execute(gluster, FIRST))
    task = after(task, gluster.start(task, again=False))

    for node in NODES:
        nodes.kill(node, "glusterd", "glusterfs", "glusterfsd")
    for node in NODES:
        nodes.start_glusterd(node)
    nodes.wait_for_bricks("kill")
    report = follow(Gluster(nodes.cli()), task, seconds=40)

    # Killed before its end it is begun again by glusterd, or called failed, under its own id.
    assert report.external_id == task.external_id
    assert report.status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED)
    assert contents(nodes.mount("kill")) == LARGE


def test_a_list_without_a_busy_volume_loses_no_task(nodes: RealNodes) -> None:
    for volume in ("busy", "idle"):
        filled(nodes, volume, on=NODES[:2])
    gluster = Gluster(nodes.cli(), absent_after=timedelta(0))
    task = stored(gluster.rebalance("busy", fix_layout=True))
    task = after(task, gluster.start(task, again=False))
    other = nodes.cli()
    keep_busy = threading.Event()

    def lock_it_again_and_again() -> None:
        while not keep_busy.is_set():
            nodes.gluster("volume", "status", "busy", "detail", node="n2", check=False)

    lockers = [threading.Thread(target=lock_it_again_and_again) for _ in range(3)]
    for one in lockers:
        one.start()
    try:
        listings = [other.ask("volume", "status", "all", "tasks") for _ in range(15)]
        statuses = {one.status for _ in range(10) for one in gluster.poll(task.scope, [task])}
    finally:
        keep_busy.set()
        for one in lockers:
            one.join()

    left_out = [one for one in listings if "busy" not in read_listed_volumes(one)]
    assert TaskStatus.LOST not in statuses
    assert follow(gluster, task).status is TaskStatus.SUCCEEDED
    assert all(one.returned == 0 for one in left_out), "and it says yes all the same"


def test_a_shrink_into_a_full_brick_keeps_the_bricks_and_all_files(nodes: RealNodes) -> None:
    nodes.run("mkdir", "-p", f"{nodes.folder}/n1/small", node="n1")
    nodes.run("mount", "-t", "tmpfs", "-o", "size=1m", "t", f"{nodes.folder}/n1/small", node="n1")
    bricks = [nodes.brick("n1", "small/full"), nodes.brick("n2", "full"), nodes.brick("n3", "full")]
    nodes.gluster("volume", "create", "full", *bricks[1:], "force")
    nodes.gluster("volume", "start", "full")
    mounted = nodes.mount("full")
    wanted = {f"f{i}": bytes([i]) * 100_000 for i in range(30)}
    for name, data in wanted.items():
        (mounted / name).write_bytes(data)
    nodes.gluster("volume", "add-brick", "full", bricks[0], "force")
    stage = Stage([ShrinkVolume, DrainBricks, CommitBricks], (Gluster(nodes.cli()),))

    asked = stage.submit(ShrinkVolume(volume="full", bricks=tuple(bricks[1:])))

    def has_ended() -> bool:
        stage.turn(timedelta(seconds=2))
        return stage.orchestrator.get(asked).status.is_final

    until(has_ended, "the shrink", seconds=60)
    command = stage.orchestrator.get(asked)
    assert command.status is Status.FAILED
    assert "not all files could be moved" in (command.message or "")
    assert "rebalance.log" in (command.message or "")
    assert set(Gluster(nodes.cli()).volume_info("full").bricks) == set(bricks)
    assert contents(nodes.mount("full")) == wanted


def test_a_rebalance_that_is_stopped_midway_loses_nothing_once_another_has_completed(
    nodes: RealNodes,
) -> None:
    filled(nodes, "stop", on=NODES[:2], files=LARGE)
    nodes.gluster("volume", "add-brick", "stop", nodes.brick("n3", "stop-n3"), "force")
    gluster = Gluster(nodes.cli())
    task = stored(gluster.rebalance("stop"))
    task = after(task, gluster.start(task, again=False))

    report = gluster.stop(task)
    again = stored(gluster.rebalance("stop", force=True))
    completed = follow(gluster, after(again, gluster.start(again, again=False)), seconds=40)

    if report is not None:  # with so few files it may have completed before it could be stopped
        assert report.status in (TaskStatus.ABORTED, TaskStatus.SUCCEEDED)
        assert len(report.detail["nodes"]) == len(NODES)
    assert completed.status is TaskStatus.SUCCEEDED
    assert contents(nodes.mount("stop")) == LARGE
