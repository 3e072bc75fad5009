"""Several clusters, near and far: each is asked by its own command, and holds up no other."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.gluster import adapter
from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.clusters import Clusters
from adapters.gluster.commands import CommitBricks, DrainBricks, RebalanceVolume, ShrinkVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.settings import GlusterSettings
from orchestrator import FoundTask, Refused, TaskStatus, TryAgain, sequence
from tests.adapters.gluster.simulated import FIRST, Simulated, after, follow, stored, until


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Simulated, Simulated]:
    """Two clusters, each with a volume `v`, as the settings say: `home` and `away`."""
    found = []
    for name in ("home", "away"):
        one = Simulated(folder=tmp_path / name)
        one.seed("v", 2)
        found.append(one)
    home, away = found
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_COMMAND", str(home.program))
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_CLUSTER", "home")
    others = [{"name": "away", "command": str(away.program)}]
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_CLUSTERS", json.dumps(others))
    return home, away


def test_a_command_goes_to_the_cluster_that_it_names(two: tuple[Simulated, Simulated]) -> None:
    home, away = two
    gluster = adapter()
    command = RebalanceVolume(volume="v", cluster="away")
    task = stored(command.execute(gluster, FIRST))

    report = follow(gluster, after(task, gluster.start(task, again=False)))

    assert (task.scope, report.scope) == ("away", "away")
    assert report.status is TaskStatus.SUCCEEDED
    assert len(list((away.state_dir / "tasks").glob("*.job"))) == 1
    assert list((home.state_dir / "tasks").glob("*.job")) == []
    assert [
        (one.report.external_id, one.locks)
        for one in gluster.discover("away")
        if isinstance(one, FoundTask)
    ] == [(report.external_id, command.locks())]
    assert gluster.stop(after(task, report)) is None
    gluster.clear(after(task, report))


def test_volumes_of_one_name_in_two_clusters_have_two_locks() -> None:
    assert RebalanceVolume(volume="v").locks() != RebalanceVolume(volume="v", cluster="a").locks()


def test_all_parts_of_a_command_go_to_its_cluster() -> None:
    assert ShrinkVolume(volume="v", bricks=("h:/b",), cluster="away").plan() == sequence(
        DrainBricks(volume="v", bricks=("h:/b",), cluster="away"),
        CommitBricks(volume="v", bricks=("h:/b",), cluster="away"),
    )


@pytest.mark.parametrize(
    ("cluster", "why"),
    [("nowhere", "beside the first there are away"), ("home", "is the first gluster cluster")],
)
def test_a_cluster_that_is_not_set_up_or_needs_no_name_is_refused(
    two: tuple[Simulated, Simulated], cluster: str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        RebalanceVolume(volume="v", cluster=cluster).execute(adapter(), FIRST)


def test_the_only_cluster_needs_no_name(cluster: Simulated) -> None:
    with pytest.raises(Refused, match="there is one gluster cluster"):
        RebalanceVolume(volume="v", cluster="b").execute(cluster.gluster(), FIRST)


def test_two_clusters_of_one_name_are_refused(two: tuple[Simulated, Simulated]) -> None:
    with pytest.raises(ValidationError, match="the same name: home, away, home"):
        GlusterSettings(clusters=({"name": "away"}, {"name": "home"}))


def test_a_task_of_a_cluster_that_is_gone_is_not_lost(two: tuple[Simulated, Simulated]) -> None:
    gluster = adapter()
    task = replace(stored(gluster.rebalance("v")), scope="gone")

    with pytest.raises(TryAgain, match="'gone' is not set up here; there are home, away"):
        gluster.poll("gone", [task])


def test_a_cluster_that_hangs_holds_up_few_calls_and_no_other_cluster(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 2)
    hanging = GlusterCli(["sh", "-c", "sleep 60"], timeout=timedelta(seconds=4), calls_at_once=2)
    both = Clusters(cluster.cli(), others=[Gluster(hanging, cluster="slow")], cluster="quick")

    def wait_for_answer() -> None:
        with pytest.raises(TryAgain):
            both.of("slow").volume_info("v")

    waiting = [threading.Thread(target=wait_for_answer) for _ in range(2)]
    for one in waiting:
        one.start()
    until(lambda: not hanging.has_room(), "two calls that wait")
    begun = time.monotonic()
    with pytest.raises(TryAgain, match="2 calls to its cluster are under way"):
        both.of("slow").volume_info("v")
    refused_after = time.monotonic() - begun

    for one in waiting:
        one.join()
    assert refused_after < 3
    assert both.of(None).volume_info("v").name == "v"


def test_names_reach_a_remote_shell_as_names(cluster: Simulated, tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')  # joined by spaces, as ssh does
    ssh.chmod(0o755)
    words = [str(ssh), "root@g1", str(cluster.program)]
    cli = GlusterCli(words, timeout=timedelta(seconds=15))
    cluster.seed("v", 2)

    with pytest.raises(GlusterRefused, match="Incorrect brick"):
        cli.ask("volume", "remove-brick", "v", f"h:/b;touch {tmp_path}/broken", "start")

    assert not (tmp_path / "broken").exists()
    assert Gluster(cli).volume_info("v").name == "v"
