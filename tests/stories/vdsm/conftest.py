"""One house for each story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.vdsm.house import PoolHouse


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PoolHouse]:
    """Two hosts that move 400 kB a second, and the engine."""
    made = PoolHouse(tmp_path)
    yield made
    made.close()
