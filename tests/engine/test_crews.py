"""Crews: of many that become ready only the first are nudged; who is done with one takes the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import pytest

from orchestrator import Command, Plan, parallel
from orchestrator.core.entity import CommandEntity
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
    stage.submit(Boat())
    with stage.store.begin() as tx:
        unit = UnitOfWork(tx, stage.clock.now(), CREW, stage.rng, stage.writer.vault)
        (first,), _ = unit.ready({"crew.oar"}, 1, ahead=0)
        unit.claim(first, "stage")

        others, _ = unit.ready({"crew.oar"}, PARTS, ahead=0)
        unit.flush()

    assert len(others) == PARTS - 1
    assert first not in others


def test_who_is_done_with_one_tree_goes_on_with_the_next(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boats = [one.id for one in stage.orchestrator.submit_many([Boat(), Boat(), Boat()])]
    nudged = stage.inbox.nudges.popleft()
    stage.inbox.nudges.clear()

    stage.runner.run(nudged)

    assert {stage.orchestrator.get(one).status for one in boats} == {Status.SUCCEEDED}


def test_whose_word_is_lost_is_soon_nudged_again(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())
    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.engine.run.time", EachLookTakesALongTime())
        for _ in range(CREW.crew):
            stage.runner.run(stage.inbox.nudges.popleft())

    stage.turn(CREW.launch_grace)

    assert stage.orchestrator.get(boat).status is Status.SUCCEEDED


class Anchor(Command, kind="crew.anchor"):
    """One of many, and heavy: looks twice who is called while it is lifted."""

    number: int

    def execute(self, lifting: Lifting) -> None:
        lifting.called.extend(lifting.look() + lifting.look())


class Fleet(Command, kind="crew.fleet"):
    """Has more anchors than hands."""

    def plan(self) -> Plan:
        return parallel(Anchor(number=number) for number in range(PARTS))


class Lifting:
    """Who was called, and how to look for them."""

    def __init__(self) -> None:
        self.called: list[CommandEntity] = []
        self.look: Callable[[], list[CommandEntity]] = list


def test_for_each_slow_verb_another_hand_is_called_once(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.engine.run.SLOW_S", 0.0)
    lifting = Lifting()
    stage = stages(Anchor, Fleet, supplies=(lifting,), policy=CREW)
    lifting.look = stage.runner.relieve_the_slow
    stage.submit(Fleet())

    stage.runner.run(stage.inbox.nudges[0])

    assert len(lifting.called) == PARTS - 1  # with the last one nothing was left
    assert {one.status for one in lifting.called} == {Status.READY}


def test_a_quick_verb_calls_nobody(stages: Stages) -> None:
    lifting = Lifting()
    stage = stages(Anchor, Fleet, supplies=(lifting,), policy=CREW)
    lifting.look = stage.runner.relieve_the_slow
    stage.submit(Fleet())

    stage.runner.run(stage.inbox.nudges[0])

    assert lifting.called == []


def test_a_crew_that_is_lost_is_replaced(stages: Stages) -> None:
    stage = stages(Oar, Boat, policy=CREW)
    boat = stage.submit(Boat())
    stage.inbox.nudges.clear()

    stage.turn(timedelta(seconds=2))

    assert stage.orchestrator.get(boat).status is Status.SUCCEEDED
