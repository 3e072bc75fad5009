"""A person begins work by hand in Gluster and on a host: it is found, followed, and in nobody's way unseen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gluster.commands import RebalanceVolume
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator.seed import seed
from orchestrator.core.entity import CommandEntity
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status, TaskState
from orchestrator.testing import Stage
from tests.adapters.gluster.simulated import Simulated
from tests.adapters.vdsm.simulator_process import SimulatorProcess

PATIENCE_S = 30.0


def found(stage: Stage) -> CommandEntity | None:
    """Gives the newest command of what was found outside."""
    return next(iter(stage.orchestrator.commands(CommandQuery(kind=OUTSIDE_KIND)).items), None)


def seen(stage: Stage) -> CommandEntity:
    """Gives the command of what was found outside, which is there."""
    one = found(stage)
    assert one is not None
    return one


def until(stage: Stage, claim: Callable[[], bool]) -> None:
    """Lets the scheduler look again and again until the claim is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {found(stage)}"
        stage.turn(timedelta(seconds=10))
        time.sleep(0.02)


@pytest.fixture
def gluster(tmp_path: Path) -> Simulated:
    """A cluster with a volume that has grown."""
    cluster = Simulated(folder=tmp_path, files_per_second=20)
    cluster.seed("v", 2, files=60)
    cluster.ask("volume", "add-brick", "v", cluster.brick("b2"))
    return cluster


@pytest.fixture
def at_gluster(gluster: Simulated) -> Stage:
    """A stage at that cluster."""
    return Stage((RebalanceVolume,), (gluster.gluster(),))


def test_a_rebalance_begun_by_hand_is_followed_and_ours_waits_for_it(
    gluster: Simulated, at_gluster: Stage
) -> None:
    stage = at_gluster
    gluster.ask("volume", "rebalance", "v", "start")

    until(stage, lambda: found(stage) is not None)
    ours = stage.submit(RebalanceVolume(volume="v"))
    stage.play()
    waits = stage.orchestrator.get(ours)
    until(stage, lambda: seen(stage).status.is_final)
    theirs = seen(stage)
    until(stage, lambda: stage.orchestrator.get(ours).status.is_final)

    assert theirs.label == "Rebalance volume v (found outside)"
    assert theirs.status is Status.SUCCEEDED
    assert (waits.status, "gluster_volume:v" in (waits.message or "")) == (Status.BLOCKED, True)
    assert stage.orchestrator.get(ours).status is Status.SUCCEEDED
    assert stage.orchestrator.commands(CommandQuery(kind=OUTSIDE_KIND)).total == 1


def test_a_rebalance_begun_by_hand_is_stopped_by_an_operator(
    gluster: Simulated, at_gluster: Stage
) -> None:
    stage = at_gluster
    gluster.files_per_second = 0.1
    gluster.switch(freeze=True)
    gluster.ask("volume", "rebalance", "v", "start")
    until(stage, lambda: found(stage) is not None)

    stage.orchestrator.stop(seen(stage).command_id, "not on a Friday")
    until(stage, lambda: seen(stage).status.is_final)

    assert seen(stage).status is Status.STOPPED
    assert stage.orchestrator.commands(CommandQuery(kind=OUTSIDE_KIND)).total == 1


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[tuple[SimulatorProcess, str]]:
    """A host that manages a pool, and the id of an image there."""
    seeded = seed(tmp_path / "vdsm", vms={"web": (1 << 20,)})
    process = SimulatorProcess(tmp_path / "vdsm")
    yield process, str(seeded.images["web"][0])
    process.kill()


def test_a_task_that_another_manager_gave_to_a_host_is_shown_until_an_operator_clears_it(
    pool: tuple[SimulatorProcess, str],
) -> None:
    host, image = pool
    vdsm = host.adapter()
    stage = Stage((), (vdsm,))
    params = {"storagepoolID": str(POOL), "storagedomainID": str(DOMAIN), "imageID": image}
    task_id = host.ask("Image.delete", **params, postZero="false", force="false")

    until(stage, lambda: found(stage) is not None and seen(stage).status.is_final)
    theirs = seen(stage)
    left = host.ask("Host.getAllTasksStatuses")
    stage.orchestrator.clear(theirs.command_id, "the other manager is gone")
    until(stage, lambda: not host.ask("Host.getAllTasksStatuses"))
    until(
        stage, lambda: stage.orchestrator.tasks([theirs.command_id])[0].state is TaskState.CLEARED
    )
    vdsm.close()

    assert theirs.status is Status.SUCCEEDED
    assert theirs.label.startswith("deleteImage on pool")
    assert set(left) == {task_id}
    assert stage.orchestrator.commands(CommandQuery(kind=OUTSIDE_KIND)).total == 1
