"""Stories of heals on a real cluster of three nodes, told by what is in the files afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.gluster.commands import (
    HealVolume,
    ReduceReplicas,
    ReplaceBrick,
    ResetBrick,
    TakeBrickBack,
    TakeBrickOut,
)
from adapters.gluster.gluster import Gluster
from orchestrator import TaskReport, TaskStatus, TryAgain
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.gluster.nodes import FILES, RealNodes, contents, empty, filled
from tests.adapters.gluster.simulated import after, follow, stored, until

pytestmark = pytest.mark.real
MANY = {f"d{i % 3}/f{i}": b"%d" % i * 3000 for i in range(250)}
"""Enough for the heal of a dispersed volume, which tells no walks, to be seen at work."""


def test_all_bricks_are_replaced_at_once_and_no_file_is_lost(nodes: RealNodes) -> None:
    bricks = filled(nodes, "rep", "replica", "3")
    new = [f"{brick}-new" for brick in bricks]
    stage = Stage([ReplaceBrick], (Gluster(nodes.cli()),))

    asked = [
        stage.submit(ReplaceBrick(volume="rep", old=old, new=fresh))
        for old, fresh in zip(bricks, new, strict=True)
    ]

    def statuses() -> list[Status]:
        stage.turn(timedelta(seconds=2))
        return [stage.orchestrator.get(one).status for one in asked]

    until(lambda: statuses() == [Status.SUCCEEDED] * 3, "three replacements", seconds=90)

    assert [contents(brick) for brick in new] == [FILES] * 3
    assert contents(nodes.mount("rep")) == FILES


def replaced(nodes: RealNodes, volume: str, old: str) -> TaskReport:
    """Replaces a brick and follows it to the end; gives the last report."""
    gluster = Gluster(nodes.cli())
    task = stored(gluster.replace(volume, old, f"{old}-new"))
    return follow(gluster, after(task, gluster.start(task, again=False)), seconds=60)


@pytest.mark.parametrize(
    "kind", [("replica", "3", "arbiter", "1"), ("disperse", "3", "redundancy", "1")], ids=" ".join
)
def test_a_replaced_brick_can_stand_in_for_another(nodes: RealNodes, kind: tuple[str, ...]) -> None:
    volume = kind[0]
    bricks = filled(nodes, volume, *kind, files=MANY)

    report = replaced(nodes, volume, bricks[0])

    nodes.kill_brick(bricks[1])
    assert report.status is TaskStatus.SUCCEEDED
    assert contents(nodes.mount(volume)) == MANY


def test_a_brick_that_gluster_forgot_to_mark_is_not_taken_for_healed(nodes: RealNodes) -> None:
    """Heal info says 0 from the start, and walks are clean, while the brick is empty."""
    bricks = filled(nodes, "forgot", "replica", "3")
    reports = []
    for brick in (bricks[0], bricks[2]):
        with nodes.without_fuse(brick.partition(":")[0]):
            reports.append(replaced(nodes, "forgot", brick))

    # A full heal walks the last brick of a group: from there the first one is healed and proven.
    assert reports[0].status is TaskStatus.SUCCEEDED
    assert contents(f"{bricks[0]}-new") == FILES
    assert reports[1].status is TaskStatus.LOST
    assert "did not mark" in str(reports[1].message)
    assert contents(f"{bricks[2]}-new") == {}


def test_a_heal_is_followed_over_the_death_of_all_daemons(nodes: RealNodes) -> None:
    bricks = filled(nodes, "killed", "replica", "3")
    gluster = Gluster(nodes.cli())
    task = stored(gluster.replace("killed", bricks[0], f"{bricks[0]}-new"))
    task = after(task, gluster.start(task, again=False))

    for node in ("n1", "n2"):
        nodes.kill(node, "glusterd", "glusterfs")
    with pytest.raises(TryAgain):
        list(gluster.poll(task.scope, [task]))
    for node in ("n1", "n2"):
        nodes.start_glusterd(node)
    again = Gluster(nodes.cli()).start(task, again=True)
    report = follow(gluster, task, seconds=60)

    assert again.message == "replaced before; its heal is followed"
    assert report.status is TaskStatus.SUCCEEDED
    assert contents(f"{bricks[0]}-new") == FILES


def test_the_disk_of_a_brick_is_changed_and_a_replica_given_up(nodes: RealNodes) -> None:
    bricks = filled(nodes, "disk", "replica", "3")
    gluster = Gluster(nodes.cli())
    stage = Stage([ResetBrick, TakeBrickOut, TakeBrickBack], (gluster,))
    asked = stage.submit(ResetBrick(volume="disk", brick=bricks[1]))
    (disk,) = [
        one
        for one in stage.orchestrator.tree(asked)
        if one.label.startswith("Change the disk of n2")
    ]

    def is_out() -> bool:
        stage.turn(timedelta(seconds=2))
        return bool(stage.orchestrator.tasks([disk.command_id]))

    until(is_out, "a brick out of use")
    empty(bricks[1])

    stage.report(disk.command_id, TaskStatus.SUCCEEDED)
    statuses = []

    def has_ended() -> bool:
        stage.turn(timedelta(seconds=2))
        statuses.append(stage.orchestrator.get(asked).status)
        return statuses[-1].is_final

    until(has_ended, "the heal of the changed disk", seconds=60)
    healed = contents(bricks[1])
    ReduceReplicas(volume="disk", bricks=(bricks[2],), replica_count=2).execute(gluster)
    ReduceReplicas(volume="disk", bricks=(bricks[2],), replica_count=2).execute(gluster)

    assert statuses[-1] is Status.SUCCEEDED
    assert healed == FILES
    assert gluster.volume_info("disk").replica_count == 2
    assert contents(nodes.mount("disk")) == FILES


@pytest.mark.parametrize("full", [False, True])
def test_a_volume_is_healed_of_what_was_written_while_a_brick_was_away(
    nodes: RealNodes, full: bool
) -> None:
    volume = f"away{full:d}"
    bricks = filled(nodes, volume, "replica", "3")
    nodes.kill_brick(bricks[0])
    (nodes.mount(volume) / "new").write_bytes(b"written while one was away")
    nodes.gluster("volume", "start", volume, "force")
    nodes.wait_for_bricks(volume)
    gluster = Gluster(nodes.cli())
    task = stored(HealVolume(volume=volume, full=full).execute(gluster))

    report = follow(gluster, after(task, gluster.start(task, again=False)), seconds=60)

    assert report.status is TaskStatus.SUCCEEDED
    assert contents(bricks[0])["new"] == b"written while one was away"
