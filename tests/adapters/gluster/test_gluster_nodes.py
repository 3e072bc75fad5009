"""Stories on a real cluster of three nodes, told by what is in the files afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gluster.commands import ReplaceBrick
from adapters.gluster.gluster import Gluster
from orchestrator import TaskReport, TaskStatus
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.gluster.nodes import NODES, RealNodes, real_nodes
from tests.adapters.gluster.simulated import after, follow, stored, until

pytestmark = pytest.mark.real
FILES = {f"d{i % 3}/f{i}": b"%d" % i * 2000 for i in range(45)}


@pytest.fixture(scope="module")
def nodes() -> Iterator[RealNodes]:
    with real_nodes() as running:
        yield running


def filled(nodes: RealNodes, volume: str, *kind: str) -> list[str]:
    """Makes a volume with a brick on each node and the files in it; gives the bricks."""
    bricks = [nodes.brick(node, f"{volume}-{node}") for node in NODES]
    nodes.gluster("volume", "create", volume, *kind, *bricks, "force")
    nodes.gluster("volume", "start", volume)
    mounted = nodes.mount(volume)
    for name, content in FILES.items():
        (mounted / name).parent.mkdir(exist_ok=True)
        (mounted / name).write_bytes(content)
    return bricks


def contents(folder: Path | str) -> dict[str, bytes]:
    """Gives all files in a mount, or on a brick (`host:/path`), with what is in them."""
    root = Path(str(folder).partition(":")[2] or folder)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".glusterfs" not in path.parts
    }


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
    bricks = filled(nodes, volume, *kind)

    report = replaced(nodes, volume, bricks[0])

    nodes.kill_brick(bricks[1])
    assert report.status is TaskStatus.SUCCEEDED
    assert contents(nodes.mount(volume)) == FILES


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
    while_dead = list(gluster.poll(task.scope, [task]))
    for node in ("n1", "n2"):
        nodes.start_glusterd(node)
    again = Gluster(nodes.cli()).start(task, again=True)
    report = follow(gluster, task, seconds=60)

    assert while_dead == []
    assert again.message == "replaced before; its heal is followed"
    assert report.status is TaskStatus.SUCCEEDED
    assert contents(f"{bricks[0]}-new") == FILES
