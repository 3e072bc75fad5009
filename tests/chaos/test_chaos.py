"""Real processes are killed, frozen, flushed and restarted; the promises hold."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.core.status import Status
from orchestrator.engine.faults import POINTS
from tests.chaos.__main__ import summary
from tests.chaos.commands import Assassin, Nap, Sleeper
from tests.chaos.recovery import measure
from tests.chaos.run import Wish, run
from tests.chaos.undisturbed import SEED, at_work, wait

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]
THREADS = 16  # of both workers


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_everything_ends_while_everything_breaks(store: str) -> None:
    result = run(Wish(seconds=20, seed=SEED, store=store, pace=2, trees=40))

    print(summary(result))
    assert result.verdict.findings() == []
    assert result.trees > 10
    assert result.kills > 5


def test_a_process_may_die_at_each_named_point() -> None:
    result = run(Wish(seconds=120, seed=SEED, pace=0, trees=30, until_every_point=True))

    print(summary(result))
    killed = {one.partition(":")[0] for one in result.faults if one.endswith(":kill")}
    assert killed == set(POINTS)
    assert result.verdict.findings() == []


def test_all_ends_soon_after_all_workers_were_killed(room: Path) -> None:
    with at_work(room) as (front, here):
        found = measure(front, here)

    print(found)
    assert found.lost == 0
    assert found.in_flight > 150
    assert found.calls - found.steps <= max(found.running, THREADS)
    assert found.beyond_s < 5  # 2 s on a machine of one's own; this one may have to be shared


def test_a_verb_that_always_kills_its_worker_is_given_up(room: Path) -> None:
    with at_work(room, max_deaths="3") as (front, here):
        poison = front.submit(Assassin()).id
        others = [front.submit(Nap(seconds=0.1)).id for _ in range(20)]

        wait(
            here,
            lambda: front.get(poison).status is Status.NEEDS_ATTENTION,
            "the poison is given up",
            90,
        )
        wait(here, lambda: all(front.get(one).status.is_final for one in others), "the others end")

        given_up = front.get(poison)
        assert given_up.deaths == 3
        assert given_up.message is not None
        assert "3 workers died" in given_up.message
        assert {front.get(one).status for one in others} == {Status.SUCCEEDED}


def test_what_a_verb_says_after_its_timeout_is_ignored(room: Path) -> None:
    with at_work(room) as (front, here):
        late = front.submit(Sleeper()).id

        wait(here, lambda: front.get(late).status.is_final, "it is fenced off")
        fenced_at = front.get(late).revision
        started = time.monotonic()
        wait(here, lambda: time.monotonic() > started + 5, "it has come back")

        found = front.get(late)
        assert (found.status, found.revision) == (Status.FAILED, fenced_at)
        assert "timeout" in (found.message or "")
        assert front.value(late) is None
