"""An installation at work that nobody disturbs but the test, and the patience to wait for what comes of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.app import Orchestrator
from orchestrator.core.errors import UnavailableError
from tests.chaos.crew import Member
from tests.chaos.installation import SCHEDULER, Installation, front_door, installation, worker
from tests.chaos.run import await_workers

SEED = 20261120
TWO_WORKERS = (worker("w0"), worker("w1"))


@contextmanager
def at_work(
    room: Path,
    store: str = "postgres",
    *,
    disk: Path | None = None,
    staff: Sequence[Sequence[str]] = TWO_WORKERS,
    registered: int = 2,
    **settings: str,
) -> Iterator[tuple[Orchestrator, Installation]]:
    """Gives the front door of an installation that runs undisturbed, until the test disturbs it.

    `disk` is where its database lives; `staff` are its workers' command lines, `registered` how many
    processes of theirs run verbs.
    """
    named = {f"ORCHESTRATOR_{name.upper()}": value for name, value in settings.items()}
    with (
        installation(room, store, random.Random(SEED), settings=named, disk=disk) as here,
        front_door() as front,
    ):
        for number, line in enumerate(staff):
            here.crew.hire(Member(f"worker-{number}", line))
        here.crew.hire(Member("scheduler", SCHEDULER))
        await_workers(front, here, registered)
        yield front, here


def wait(
    here: Installation, condition: Callable[[], object], what: str, timeout_s: float = 60
) -> None:
    """Waits for something while the supervisor does its work; a database that is away is not it."""
    deadline = time.monotonic() + timeout_s
    while not holds(condition):
        here.crew.tend()
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain: {what}"
        time.sleep(0.02)


def holds(condition: Callable[[], object]) -> bool:
    """Tells whether the condition holds; not while the database is away."""
    try:
        return bool(condition())
    except UnavailableError:
        return False
