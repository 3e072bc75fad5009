"""How often a process says that it lives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pytest

from workers.process import Lease
from workers.settings import Settings


@dataclass
class Wired:
    """As much of a wiring as a lease looks at."""

    settings: Settings


@pytest.mark.parametrize(
    ("heartbeat", "lease", "busy", "idle"),
    [(1.0, 3.0, 1.0, 2.0), (1.0, 9.0, 1.0, 2.0), (0.1, 0.3, 0.1, 0.2)],
)
def test_who_is_idle_renews_half_as_often_and_still_in_time(
    heartbeat: float, lease: float, busy: float, idle: float
) -> None:
    settings = Settings(heartbeat_seconds=heartbeat, lease_seconds=lease)
    wired = cast("Any", Wired(settings))

    rests = [
        Lease(wired, "worker", "x", is_idle=partial(bool, one)).rest_s for one in (False, True)
    ]

    assert rests == pytest.approx([busy, idle])
