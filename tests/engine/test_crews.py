"""Crews: of many parts side by side only the first are nudged; who is done with one takes the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from orchestrator import Command, Plan, parallel
from orchestrator.core.reaction import Policy
from orchestrator.core.status import Status
from orchestrator.engine.run import Runner
from orchestrator.engine.work import UnitOfWork
from tests.engine.conftest import Stages

PARTS = 9
CREW = Policy(crew=2)


class Oar(Command, kind="crew.oar"):
    """One of many."""

    number: int

    def execute(self) -> None:
        pass


class Boat(Command, kind="crew.boat"):
    """Has more parts than hands."""

    def plan(self) -> Plan:
        return parallel(Oar(number=number) for number in range(PARTS))


def test_only_the_first_parts_are_nudged_and_all_are_done(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())

    nudged = len(stage.inbox.nudges)
    stage.play()

    assert nudged == 2
    assert stage.orchestrator.get(boat).status is Status.SUCCEEDED


def test_who_runs_out_of_time_passes_the_word(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())
    monkeypatch.setattr("orchestrator.engine.run.time", EachLookTakesALongTime())

    for _ in range(PARTS):  # each message is good for one part
        stage.inbox.launch(stage.runner.run(stage.inbox.nudges.popleft()).ready)

    assert stage.orchestrator.get(boat).status is Status.SUCCEEDED


class EachLookTakesALongTime:
    """A clock by which nobody is ever in time for another verb."""

    def __init__(self) -> None:
        self._hours: Iterator[int] = count()

    def monotonic(self) -> float:
        return next(self._hours) * 36_000.0


def test_a_nudge_for_a_part_that_is_done_calls_a_hand(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    stage.submit(Boat())
    first = stage.inbox.nudges[0]
    unfused = Runner(stage.writer, stage.catalog, "stage", fusion_s=0)
    unfused.run(first)

    report = stage.runner.run(first)

    assert report.ran == PARTS - 1
    assert report.ended_roots


def test_a_part_that_is_claimed_in_this_unit_is_not_given_to_another(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())
    with stage.store.begin() as tx:
        unit = UnitOfWork(tx, stage.clock.now(), CREW, stage.rng)
        (first,) = unit.ready_parts(boat, 1)
        unit.claim(first.entity.command_id, "stage")

        others = unit.ready_parts(boat, PARTS - 1)
        unit.flush()

    assert len(others) == PARTS - 1
    assert first not in others


def test_a_crew_that_is_lost_is_replaced(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())
    stage.inbox.nudges.clear()

    stage.turn(timedelta(seconds=2))

    assert stage.orchestrator.get(boat).status is Status.SUCCEEDED
