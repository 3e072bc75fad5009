"""Gluster keeps the contract of all adapters, for both kinds of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from adapters.gluster.gluster import Gluster
from orchestrator import AsyncTask
from tests.adapters.contract import AdapterContract
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
