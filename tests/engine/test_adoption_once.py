"""One found task is one command, whatever happens meanwhile: races, deaths, old listings, silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest

from orchestrator import (
    AsyncTaskRef,
    FoundTask,
    TaskStatus,
    TryAgain,
)
from orchestrator.core.errors import BadInputError, ConflictError
from orchestrator.core.outside import OutsideTask
from orchestrator.core.ports import Store
from orchestrator.core.status import Outcome, Status
from orchestrator.engine import faults
from orchestrator.testing import Stage
from tests.engine.shop import (
    LIST,
    POLL,
    SUCCEEDED,
    Paint,
    Shop,
    Turn,
    found,
    the_one,
)


@pytest.fixture
def stage(at_shop: Stage) -> Stage:
    """A stage at the shop, on each store."""
    return at_shop


def test_a_scope_is_listed_once_an_interval_with_and_without_tasks_of_ours(
    stage: Stage, shop: Shop
) -> None:
    stage.turn(LIST)
    shop.listings.clear()
    for _ in range(5):
        stage.turn(LIST)
    without = list(shop.listings)

    stage.submit(Turn(thing="wheel"))
    stage.play()
    stage.turn(LIST)
    shop.listings.clear()
    for _ in range(10):
        stage.turn(POLL)

    assert sorted(without) == ["north"] * 5 + ["south"] * 5
    assert shop.listings.count("north") == 10
    assert shop.listings.count("south") == 2


def test_a_listing_that_shows_nothing_new_reads_nothing_from_the_store(
    stage: Stage, shop: Shop
) -> None:
    shop.begins("t1", "wheel")
    shop.begins("t2", "lamp")
    shop.says("t2", SUCCEEDED)
    for _ in range(3):
        stage.turn(LIST)

    with patch.object(stage.store, "begin", None), patch.object(stage.store, "open_tasks", None):
        for _ in range(3):
            stage.clock.turn(LIST)
            stage.poller.tick()

    assert len(found(stage)) == 2


def test_nothing_is_concluded_from_a_system_that_does_not_answer(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    shop.away = True
    for _ in range(5):
        stage.turn(LIST)

    assert the_one(stage).status is Status.WAITING


def test_one_that_falls_silent_needs_attention_and_can_be_given_up(
    stage: Stage, shop: Shop
) -> None:
    shop.lease = timedelta(seconds=60)
    shop.begins("t1", "wheel")
    stage.turn(LIST)
    shop.away = True
    with patch.object(shop, "poll", side_effect=TryAgain("away")):
        stage.turn(timedelta(seconds=90))
        silent = the_one(stage).status

        stage.orchestrator.resolve(the_one(stage).command_id, Outcome.FAILED, "it hangs")
        stage.play()
    shop.away = False
    for _ in range(4):
        stage.turn(LIST)

    assert silent is Status.NEEDS_ATTENTION
    assert the_one(stage).status is Status.FAILED
    assert not shop.stopped, "that was not ordered"


def test_it_can_be_neither_restarted_nor_submitted(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    shop.says("t1", TaskStatus.FAILED)
    stage.turn(LIST)

    with pytest.raises(ConflictError, match="begun outside"):
        stage.orchestrator.restart(the_one(stage).command_id, "again")
    with pytest.raises(BadInputError, match="cannot be submitted"):
        stage.submit(OutsideTask(system="s", scope="s", verb="v", external_id="x", description="d"))


def test_an_old_listing_makes_no_second_command(stage: Stage, shop: Shop) -> None:
    """A scheduler that hangs sees a task run that has ended, and been cleared, since it asked."""
    shop.begins("t1", "wheel")
    old = [one for one in shop.discover("north") if isinstance(one, FoundTask)]
    asked_at = stage.clock.now()
    stage.turn(LIST)
    shop.says("t1", SUCCEEDED)
    stage.turn(LIST)
    stage.orchestrator.clear(the_one(stage).command_id, "it is in the way")
    stage.turn(LIST)

    stage.poller.adopter.adopt("shop", "north", old, asked_at)

    assert the_one(stage).status is Status.SUCCEEDED


class Killed(faults.Death):
    """The scheduler dies here."""


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_scheduler_that_dies_while_it_adopts_leaves_one_command(
    stage: Stage, each_store: Store, shop: Shop, moment: str
) -> None:
    shop.begins("t1", "wheel")
    stage.clock.turn(LIST)

    def die() -> None:
        raise Killed

    faults.arm(moment, die)
    with suppress(Killed):
        stage.poller.tick()
    faults.disarm()
    heir = Stage((Turn, Paint), (shop,), store=each_store, seed=1)
    heir.clock.time = stage.clock.time
    heir.turn(LIST)
    heir.turn(LIST)

    assert the_one(heir).status is Status.WAITING


def test_one_bad_task_keeps_no_other_from_being_found(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("t1", "t2", "t3"):
        shop.begins(name, f"thing of {name}")
    discover = shop.discover

    def with_a_bad_one(scope: str, tasks: Collection[AsyncTaskRef] = ()) -> Iterable[Any]:
        for one in discover(scope, tasks):
            bad = isinstance(one, FoundTask) and one.report.external_id == "t2"
            yield FoundTask(report=one.report, description=object()) if bad else one  # type: ignore[arg-type, union-attr]

    monkeypatch.setattr(shop, "discover", with_a_bad_one)
    stage.turn(LIST)

    assert {one.entity_id for one in found(stage)} == {"thing of t1", "thing of t3"}


def test_two_schedulers_that_find_it_at_the_same_time_make_one_command(
    each_store: Store, shop: Shop
) -> None:
    for number in range(20):
        shop.begins(f"t{number}", f"thing {number}")
    stages = [Stage((Turn, Paint), (shop,), store=each_store, seed=seed) for seed in range(2)]
    listed = [one for one in shop.discover("north") if isinstance(one, FoundTask)]
    start = Barrier(len(stages))

    def adopt(stage: Stage) -> set[str]:
        settled = set[str]()
        start.wait()
        for one in listed:
            settled |= stage.poller.adopter.adopt("shop", "north", [one], stage.clock.now())[0]
        return settled

    with ThreadPoolExecutor(2) as threads:
        settled = list(threads.map(adopt, stages))

    assert [len(one) for one in settled] == [20, 20]
    assert len(found(stages[0])) == 20


def test_how_a_scope_answers_is_noted_at_once_and_else_now_and_then(
    stage: Stage, shop: Shop
) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)
    stage.submit(Turn(thing="lamp"))
    stage.play()
    fine = stage.store.scope_notes()
    stage.turn(LIST)
    same = stage.store.scope_notes()

    shop.away = True
    stage.turn(LIST)
    since = stage.clock.now()
    stage.turn(timedelta(seconds=70))
    north = stage.store.scope_notes()[0]
    shop.away = False
    stage.turn(timedelta(seconds=70))

    assert [(one.system, one.scope, one.problem) for one in fine] == [
        ("shop", "north", None),
        ("shop", "south", None),
    ]
    assert same == fine
    assert (north.problem, north.problem_since) == ("away", since)
    assert [one.problem for one in stage.store.scope_notes()] == [None, None]
    assert stage.store.count_open_tasks() == {("shop", "north"): (2, 1)}
