"""Thousands of seeds: whatever dies, stalls or gets lost, every command ends as it must, and once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.model.plans import random_plan
from tests.simulation.__main__ import play_all
from tests.simulation.embedded import ClockedStore, Shelf
from tests.simulation.feeds import play_feed
from tests.simulation.play import Play

SEEDS = int(os.environ.get("ORCHESTRATOR_SIMULATION_SEEDS", "4000"))
FIRST = int(os.environ.get("ORCHESTRATOR_SIMULATION_FIRST", "0"))
EMBEDDED_SEEDS = max(20, SEEDS // 500)


@pytest.mark.timeout(1800)
def test_every_seed_ends_as_the_oracle_says() -> None:
    seeds = range(FIRST, FIRST + SEEDS)

    played = list(play_all(seeds, processes=os.cpu_count() or 1))

    wrong = [f"seed {one.seed}: {'; '.join(one.wrong[:3])}" for one in played if one.wrong]
    assert wrong == [], "look closer with: python -m tests.simulation --verbose --seed N"
    assert len(played) == SEEDS


@pytest.mark.timeout(1800)
def test_the_embedded_database_fares_like_the_memory(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)

    for seed in range(FIRST, FIRST + EMBEDDED_SEEDS):
        play = Play(seed, store=shelf.store)
        assert play.run() == [], f"python -m tests.simulation --sqlite --verbose --seed {seed}"
        assert isinstance(play.store, ClockedStore)
        play.store.close()


def test_a_seed_is_the_whole_story() -> None:
    first, second = Play(77), Play(77)

    assert first.run() == second.run()
    assert first.crowd.feed == second.crowd.feed
    assert first.events == second.events


def test_a_few_seeds_meet_every_kind_of_trouble() -> None:
    met: set[str] = set()

    for played in play_all(range(150), processes=1):
        met.update(played.events)

    assert {"kill -9 a worker", "kill -9 a scheduler", "freeze a worker", "the clock jumps",
            "scripted crash", "database away at after_commit", "database away at a read (values)",
            "outside: answer lost"} <= met  # fmt: skip


def test_random_plans_are_the_same_for_the_same_number() -> None:
    import random

    assert random_plan(random.Random(5)) == random_plan(random.Random(5))


def test_no_reader_of_a_feed_that_others_read_too_misses_an_event() -> None:
    wrong = {
        seed: found for seed in range(FIRST, FIRST + SEEDS // 10) if (found := play_feed(seed))
    }

    assert wrong == {}
