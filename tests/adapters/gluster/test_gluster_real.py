"""The same adapter and commands against a real glusterd, and the simulator's answers beside its."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from adapters.gluster.commands import CommitBricks, DrainBricks, RebalanceVolume
from adapters.gluster.gluster import Gluster
from orchestrator import FoundTask, Refused, TaskStatus
from tests.adapters.gluster.glusterd import RealCluster, real_cluster
from tests.adapters.gluster.simulated import FIRST, Simulated, after, follow, stored
from tests.adapters.gluster.test_gluster_simulator import NO

pytestmark = pytest.mark.real
FILES = 60


@pytest.fixture(scope="module")
def real() -> Iterator[RealCluster]:
    with real_cluster(FILES) as cluster:
        yield cluster


def masked(printed: str, folder: str) -> str:
    """Gives an answer without what differs between any two clusters."""
    printed = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", printed)
    # the real one writes a brick's name twice, as text of its element and in <name>
    printed = re.sub(r'(<brick uuid="ID">)[^<]*', r"\1", printed.replace(folder, "FOLDER"))
    printed = re.sub(r"<optCount>.*</options>|<options/>", "", printed, flags=re.DOTALL)
    return re.sub(r">\s+<", "><", printed).replace("<optCount>0</optCount>", "")


def test_the_simulator_answers_as_the_real_one(real: RealCluster, cluster: Simulated) -> None:
    cluster.seed("v", 3, 0)
    cluster.seed("off", 2, 0)
    cluster.seed("one", 1, 0)
    cluster.ask("volume", "stop", "off")
    requests = [words for words, _, _ in NO.values()]
    requests += [
        ("status", "all", "tasks"),
        ("status", "nothere", "tasks"),
        ("status", "off", "tasks"),
        ("info", "nothere"),
        ("list",),
        ("start", "v"),
        ("start", "nothere"),
        ("stop", "off"),
        ("stop", "nothere"),
        ("create", "v", "@b9", "force"),
        ("add-brick", "nothere", "@b9", "force"),
        ("add-brick", "v", "@b0", "force"),
        ("rebalance", "nothere", "start"),
        ("rebalance", "off", "status"),
        ("remove-brick", "nothere", "@b0", "start"),
        ("remove-brick", "off", "@off-b0", "start"),
        ("replace-brick", "v", "@b0", "@b9", "start"),
    ]

    differing = []
    for request in requests:
        answers = []
        for one in (real, cluster):
            done = one.run("volume", *[word.replace("@", one.brick("")) for word in request])
            folder = one.brick("").removeprefix("host:")
            answers.append((done.returncode, masked(done.stdout, folder), bool(done.stderr)))
        if answers[0] != answers[1]:
            differing.append((request, *answers))

    assert differing == []


def test_a_volume_is_rebalanced_and_shrunk(real: RealCluster) -> None:
    gluster = Gluster(real.cli())
    rebalance = stored(RebalanceVolume(volume="v").execute(gluster, FIRST))
    first = gluster.start(rebalance, again=False)
    again = gluster.start(rebalance, again=True)
    rebalanced = follow(gluster, after(rebalance, first))
    filled = real.files("b2")

    bricks = (real.brick("b0"),)
    drain = stored(DrainBricks(volume="v", bricks=bricks).execute(gluster, FIRST))
    drain = after(drain, gluster.start(drain, again=False))
    with pytest.raises(Refused, match="An earlier remove-brick task exists"):
        gluster.start(drain, again=False)
    drained = follow(gluster, drain)
    (listed,) = gluster.discover("gluster")
    commit = stored(CommitBricks(volume="v", bricks=bricks).execute(gluster))
    committed = [gluster.start(commit, again=again).status for again in (False, True)]

    assert again.external_id == first.external_id
    assert rebalanced.status is TaskStatus.SUCCEEDED
    assert rebalanced.result["files"] >= len(filled) > 0
    assert drained.status is TaskStatus.SUCCEEDED
    assert isinstance(listed, FoundTask)
    assert listed.report.external_id == drain.external_id
    assert committed == [TaskStatus.SUCCEEDED] * 2
    assert real.files("b0") == set()
    assert len(real.files("b1") | real.files("b2")) == FILES
    assert list(gluster.poll("gluster", [drain])) == [], (
        "absent is not lost before a while has passed"
    )


def test_a_rebalance_is_stopped(real: RealCluster) -> None:
    gluster = Gluster(real.cli())
    ref = stored(gluster.rebalance("v", fix_layout=True))
    ref = after(ref, gluster.start(ref, again=False))

    gluster.stop(ref)
    (report,) = gluster.poll("gluster", [ref])

    # With so few files it may have completed before it could be stopped.
    assert report.status in (TaskStatus.ABORTED, TaskStatus.SUCCEEDED)
