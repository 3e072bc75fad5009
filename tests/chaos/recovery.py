"""How soon all goes on after kill -9 of every worker, and how much is done twice for it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.app import Orchestrator
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from tests.chaos.actors import LIVE
from tests.chaos.commands import Steps
from tests.chaos.installation import Installation
from tests.services import until

COMMANDS = 200
STEPS = 5
STEP_S = 0.15
DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a kill of all workers cost.

    `seconds` run from the moment that a restarted worker is ready to the last end; `own_s` is what the
    work that was left takes undisturbed. `in_flight` counts the commands under way at the kill, `running`
    the verbs that workers were in, `calls` the verbs called in all, `steps` those that there were to call.
    """

    seconds: float
    own_s: float
    calls: int
    steps: int
    running: int
    in_flight: int
    lost: int

    @property
    def beyond_s(self) -> float:
        """What was waited beyond the work itself."""
        return self.seconds - self.own_s


def measure(front: Orchestrator, here: Installation) -> Recovery:
    """Plays the same work twice, the second time with a kill in its midst; workers must be there."""
    undisturbed_s = _play(front)
    before = len(here.world.ledger())
    ids = _submit(front)
    in_flight = _live(front)
    workers = here.crew.named("worker")
    old = {one.worker_id for one in front.store.workers()}
    running = _running(front)
    for name in workers:
        here.crew.kill(name)
    running = max(running, _running(front))  # the scheduler may have begun to take them back
    done = len(here.world.ledger()) - before

    def is_back() -> bool:
        here.crew.tend()
        now = front.store.workers()
        return any(one.role == "worker" and one.worker_id not in old for one in now)

    until(is_back, what="a new worker", timeout_s=DEADLINE_S)
    started = time.monotonic()
    until(lambda: not _live(front), what="all ends", timeout_s=DEADLINE_S, every_s=0.05)
    seconds = time.monotonic() - started
    effects = here.world.ledger()[before:]
    lost = sum(front.get(one).status is not Status.SUCCEEDED for one in ids)
    left = 1 - done / (COMMANDS * STEPS)
    return Recovery(
        seconds=seconds,
        own_s=undisturbed_s * left,
        calls=len(effects),
        steps=COMMANDS * STEPS,
        running=running,
        in_flight=in_flight,
        lost=lost,
    )


def _submit(front: Orchestrator) -> list[str]:
    return [front.submit(Steps(number=STEPS, seconds=STEP_S)).id for _ in range(COMMANDS)]


def _play(front: Orchestrator) -> float:
    """Gives how long the work takes when nobody disturbs it."""
    started = time.monotonic()
    _submit(front)
    until(lambda: not _live(front), what="all ends", timeout_s=DEADLINE_S, every_s=0.05)
    return time.monotonic() - started


def _live(front: Orchestrator) -> int:
    return front.commands(CommandQuery(statuses=LIVE, limit=1)).total or 0


def _running(front: Orchestrator) -> int:
    query = CommandQuery(statuses=(Status.RUNNING,), parts=True, limit=1)
    return front.commands(query).total or 0
