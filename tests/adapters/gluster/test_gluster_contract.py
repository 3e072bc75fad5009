"""Gluster keeps the contract of all adapters, simulated for both kinds of its tasks, and real."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from adapters.gluster.gluster import Gluster
from orchestrator import Adapter, AsyncTask
from tests.adapters.contract import AdapterContract, ref_of
from tests.adapters.gluster.nodes import NODES, RealNodes, filled
from tests.adapters.gluster.simulated import CountingCli, Simulated


class GlusterContract(AdapterContract):
    """The fixtures; each task has a volume of its own, as Gluster allows one task per volume."""

    @pytest.fixture
    def cli(self, cluster: Simulated) -> CountingCli:
        return cluster.cli()

    @pytest.fixture
    def adapter(self, cluster: Simulated, cli: CountingCli) -> Gluster:
        return cluster.gluster(cli)

    @pytest.fixture
    def quick_task(self, cluster: Simulated, adapter: Gluster) -> Callable[[], AsyncTask[Any]]:
        numbers = count()

        def describe() -> AsyncTask[Any]:
            volume = f"volume{next(numbers)}"
            cluster.seed(volume, 2, files=5)
            return self.describe(adapter, volume, cluster.brick(f"{volume}-b0"))

        return describe

    @pytest.fixture
    def slow_task(
        self, cluster: Simulated, quick_task: Callable[[], AsyncTask[Any]]
    ) -> Callable[[], AsyncTask[Any]]:
        cluster.switch(freeze=True)
        return quick_task

    @pytest.fixture
    def count_tasks(self, cluster: Simulated) -> Callable[[], int]:
        return lambda: len(list((cluster.state_dir / "tasks").glob("*.job")))

    @pytest.fixture
    def count_listings(self, cli: CountingCli) -> Callable[[], int]:
        return lambda: cli.asked.count("volume status all tasks")

    def describe(self, adapter: Gluster, volume: str, brick: str) -> AsyncTask[Any]:
        raise NotImplementedError


class TestRebalance(GlusterContract):
    def describe(self, adapter: Gluster, volume: str, brick: str) -> AsyncTask[Any]:
        return adapter.rebalance(volume)


class TestRemoveBricks(GlusterContract):
    def describe(self, adapter: Gluster, volume: str, brick: str) -> AsyncTask[Any]:
        return adapter.remove_bricks_start(volume, [brick])


class TestReplaceBrick(GlusterContract):
    """A replacement until it is healed: it cannot be stopped, and Gluster does not list it."""

    can_be_stopped = False

    @pytest.fixture
    def adapter(self, cluster: Simulated, cli: CountingCli) -> Gluster:
        def seconds_pass() -> datetime:
            cluster.now += timedelta(seconds=1)
            return cluster.now

        return Gluster(cli, now=seconds_pass)

    @pytest.fixture
    def quick_task(self, cluster: Simulated, adapter: Gluster) -> Callable[[], AsyncTask[Any]]:
        numbers = count()

        def describe() -> AsyncTask[Any]:
            volume = f"volume{next(numbers)}"
            cluster.seed(volume, 3, files=5, replica_count=3)
            old, new = cluster.brick(f"{volume}-b0"), cluster.brick(f"{volume}-n0")
            return adapter.replace(volume, old, new)

        return describe

    @pytest.fixture
    def slow_task(
        self, cluster: Simulated, quick_task: Callable[[], AsyncTask[Any]]
    ) -> Callable[[], AsyncTask[Any]]:
        cluster.files_per_second = 20
        return quick_task

    @pytest.fixture
    def count_tasks(self, cli: CountingCli) -> Callable[[], int]:
        return lambda: sum("replace-brick" in asked for asked in cli.asked)

    @pytest.fixture
    def count_listings(self, cli: CountingCli) -> Callable[[], int]:
        return lambda: cli.asked.count("volume info")

    def test_what_runs_is_discovered(
        self, adapter: Adapter, slow_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        """Gluster lists no heals."""
        ref = ref_of(slow_task())
        adapter.start(ref, again=False)

        assert list(adapter.discover(ref.scope)) == []


@pytest.mark.real
class TestRealRebalance(AdapterContract):
    """The same against three real nodes."""

    @pytest.fixture
    def cli(self, nodes: RealNodes) -> CountingCli:
        return CountingCli((*nodes.inside("n1"), "gluster"))

    @pytest.fixture
    def adapter(self, cli: CountingCli) -> Gluster:
        return Gluster(cli, absent_after=timedelta(0))

    @pytest.fixture
    def quick_task(self, nodes: RealNodes, adapter: Gluster) -> Callable[[], AsyncTask[Any]]:
        def describe() -> AsyncTask[Any]:
            volume = f"c{uuid4().hex[:8]}"
            filled(nodes, volume, on=NODES[:1], files={"one": b"content"})
            nodes.gluster("volume", "add-brick", volume, nodes.brick("n1", f"{volume}-2"), "force")
            return adapter.rebalance(volume)

        return describe

    @pytest.fixture
    def slow_task(self, nodes: RealNodes, adapter: Gluster) -> Callable[[], AsyncTask[Any]]:
        def describe() -> AsyncTask[Any]:
            volume = f"c{uuid4().hex[:8]}"
            files = {f"f{i}": b"0" * 300_000 for i in range(1000)}
            filled(nodes, volume, on=NODES[:1], files=files)
            nodes.gluster("volume", "add-brick", volume, nodes.brick("n1", f"{volume}-2"), "force")
            nodes.gluster("volume", "set", volume, "cluster.rebal-throttle", "lazy")
            return adapter.rebalance(volume)

        return describe

    @pytest.fixture
    def count_tasks(self, nodes: RealNodes) -> Callable[[], int]:
        log = nodes.folder / "n1" / "log" / "cmd_history.log"
        return lambda: len(re.findall(r"rebalance \S+ start : SUCCESS", log.read_text()))

    @pytest.fixture
    def count_listings(self, cli: CountingCli) -> Callable[[], int]:
        return lambda: cli.asked.count("volume status all tasks")
