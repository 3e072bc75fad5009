"""Arms fault points from the environment, for chaos tests in real processes.

`ORCHESTRATOR_FAULTS="after_claim=0.01,before_commit=0.002"` makes a process kill itself at these points with
these probabilities; `ORCHESTRATOR_FAULT_LOG` names a file that each kill is noted in first.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

from orchestrator.engine import faults

FAULTS = "ORCHESTRATOR_FAULTS"
FAULT_LOG = "ORCHESTRATOR_FAULT_LOG"


def arm_from_environment() -> None:
    """Arms what the environment says; nothing in production."""
    for item in filter(None, os.environ.get(FAULTS, "").split(",")):
        point, _, chance = item.partition("=")
        faults.arm(point, _killer(point, float(chance or 1)))


def _killer(point: str, chance: float):  # type: ignore[no-untyped-def]
    rng = random.Random()

    def act() -> None:
        if rng.random() < chance:
            note = os.environ.get(FAULT_LOG)
            if note:
                with Path(note).open("a") as book:
                    book.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    return act
