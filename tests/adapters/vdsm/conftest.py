"""Simulators for the tests: one at full speed, a slow one where progress is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.vdsm import Vdsm
from tests.adapters.vdsm.simulator_process import SimulatorProcess

SLOW_BYTES_PER_S = 200_000


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """A simulator at full speed, with an empty pool."""
    process = SimulatorProcess(_seeded(tmp_path_factory.mktemp("vdsm")))
    yield process
    process.kill()


@pytest.fixture(scope="module")
def slow_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """A simulator that moves 200 kB a second."""
    directory = _seeded(tmp_path_factory.mktemp("slow-vdsm"))
    process = SimulatorProcess(directory, speed=SLOW_BYTES_PER_S)
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def _no_faults_remain(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("simulator", "slow_simulator"):
        if name in request.fixturenames:
            request.getfixturevalue(name).inject()


@pytest.fixture
def connect() -> Iterator[Callable[[SimulatorProcess], Vdsm]]:
    """Makes adapters that are closed after the test."""
    made: list[Vdsm] = []

    def make(process: SimulatorProcess) -> Vdsm:
        made.append(process.adapter(outbox=process.directory / "outbox"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def vdsm(simulator: SimulatorProcess, connect: Callable[[SimulatorProcess], Vdsm]) -> Vdsm:
    """An adapter on the quick simulator."""
    return connect(simulator)


@pytest.fixture
def slow_vdsm(
    slow_simulator: SimulatorProcess, connect: Callable[[SimulatorProcess], Vdsm]
) -> Vdsm:
    """An adapter on the slow simulator."""
    return connect(slow_simulator)


def _seeded(directory: Path) -> Path:
    from adapters.vdsm.simulator import seed

    seed(directory, vms={})
    return directory
