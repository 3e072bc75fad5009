"""Gives each test a simulated Gluster cluster of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.gluster.nodes import RealNodes, real_nodes
from tests.adapters.gluster.simulated import Simulated


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Simulated]:
    """A cluster without volumes; its daemons are told to stop when the test is over."""
    simulated = Simulated(folder=tmp_path)
    yield simulated
    simulated.switch(freeze=None)  # or its self-heal daemon would wait for ever
    for job in (simulated.state_dir / "tasks").glob("*.job"):
        job.with_suffix(".stop").touch()


@pytest.fixture(scope="session")
def nodes() -> Iterator[RealNodes]:
    """A real cluster of three nodes; each test makes volumes of its own."""
    with real_nodes() as running:
        yield running
