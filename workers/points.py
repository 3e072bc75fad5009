"""Arms fault points from the environment, for chaos tests in real processes; off, it does nothing.

`ORCHESTRATOR_FAULTS="after_claim=0.01,before_commit@40:freeze"` has a process act at these points: with
this chance each time it passes, or at just this pass. The acts: `kill` (itself, with SIGKILL; the default),
`freeze` (itself, with SIGSTOP) and `lose` (the answer of the database, by raising UnavailableError).
`ORCHESTRATOR_FAULT_LOG` names a file that each act is noted in first.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.core.errors import BadInputError, UnavailableError
from orchestrator.engine import faults

FAULTS = "ORCHESTRATOR_FAULTS"
FAULT_LOG = "ORCHESTRATOR_FAULT_LOG"


def arm_from_environment() -> None:
    """Arms what the environment says. Raises BadInputError for what cannot be read."""
    for item in filter(None, os.environ.get(FAULTS, "").split(",")):
        point, act, is_due = _read(item)
        faults.arm(point, _trap(point, act, is_due))


def is_armed(point: str) -> bool:
    """Tells whether the environment arms this point, where passing it is not for nothing."""
    armed = os.environ.get(FAULTS, "").split(",")
    return any(item.startswith((f"{point}=", f"{point}@")) for item in armed)


def _read(item: str) -> tuple[str, str, Callable[[], bool]]:
    when, _, act = item.partition(":")
    act = act or "kill"
    try:
        ACTS[act]
        if "@" in when:
            point, _, number = when.partition("@")
            passes, due = itertools.count(1), int(number)
            return point, act, lambda: next(passes) == due
        point, _, text = when.partition("=")
        rng, chance = random.Random(), float(text)
    except (KeyError, ValueError):
        raise BadInputError(
            f"{FAULTS} says {item!r}; write point=chance or point@pass, and :{', :'.join(ACTS)}"
        ) from None
    return point, act, lambda: rng.random() < chance


def _trap(point: str, act: str, is_due: Callable[[], bool]) -> Callable[[], None]:
    def spring() -> None:
        if is_due():
            _note(f"{point}:{act}\n")
            ACTS[act]()

    return spring


def _note(line: str) -> None:
    book = os.environ.get(FAULT_LOG)
    if book:
        with Path(book).open("a") as file:
            file.write(line)


def _lose() -> None:
    raise UnavailableError("the answer of the database got lost (a test says so)")


ACTS: Mapping[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "lose": _lose,
}
