"""What others begin outside is found, followed, and is one command each, whatever happens meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import (
    TaskStatus,
)
from orchestrator.core.errors import BadInputError, ConflictError
from orchestrator.core.status import Outcome, Status, TaskState
from orchestrator.testing import Stage
from tests.engine.shop import (
    LIST,
    POLL,
    RUNNING,
    SUCCEEDED,
    Paint,
    Shop,
    Turn,
    found,
    task_of,
    the_one,
)


@pytest.fixture
def stage(at_shop: Stage) -> Stage:
    """A stage at the shop, on each store."""
    return at_shop


def test_a_task_that_somebody_begins_by_hand_becomes_a_command(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")

    stage.turn(LIST)

    one = the_one(stage)
    assert one.status is Status.WAITING
    assert (one.owner_id, one.owner_type) == ("outside", "outside")
    assert one.label == "Turn wheel (found outside)"
    assert (one.entity_type, one.entity_id) == ("thing", "wheel")
    assert task_of(stage, one).external_id == "t1"
    parameters = stage.store.payload(one.command_id)
    assert parameters is not None
    assert parameters.parameters["external_id"] == "t1"


def test_its_progress_and_its_end_are_followed(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    shop.says("t1", RUNNING, 0.4)
    stage.turn(POLL)
    midway = the_one(stage).progress
    shop.says("t1", SUCCEEDED)
    stage.turn(POLL)

    assert midway == 0.4
    assert the_one(stage).status is Status.SUCCEEDED
    assert not stage.store.locks()
    assert not shop.cleared, "it is not ours to clear"


def test_it_is_found_once_however_often_it_is_listed(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    for _ in range(5):
        stage.turn(LIST)
    shop.says("t1", SUCCEEDED)

    for _ in range(5):
        stage.turn(LIST)

    assert the_one(stage).status is Status.SUCCEEDED


def test_ours_waits_for_what_was_begun_by_hand(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    ours = stage.submit(Turn(thing="wheel"))
    stage.play()
    waits = stage.orchestrator.get(ours)
    shop.says("t1", SUCCEEDED)
    stage.turn(POLL)
    stage.turn(POLL)

    assert waits.status is Status.BLOCKED
    assert "thing:wheel" in (waits.message or "")
    assert stage.orchestrator.get(ours).status is Status.WAITING
    assert "s-wheel" in shop.tasks


def test_it_waits_visibly_for_a_lock_of_ours_and_is_followed_meanwhile(
    stage: Stage, shop: Shop
) -> None:
    ours = stage.submit(Paint(thing="wheel"))
    stage.play()
    shop.begins("t1", "wheel")

    stage.turn(LIST)
    shop.says("t1", RUNNING, 0.5)
    stage.turn(POLL)

    waits = the_one(stage)
    assert (waits.status, waits.progress) == (Status.BLOCKED, 0.5)
    assert ours in (waits.message or "")

    shop.says("t1", RUNNING, 0.6)
    stage.turn(POLL)
    stage.orchestrator.stop(ours, "enough")
    stage.play()

    assert (the_one(stage).status, the_one(stage).progress) == (Status.WAITING, 0.6)
    assert [one.command_id for one in stage.store.locks()] == [the_one(stage).command_id]


def test_it_may_end_before_it_gets_its_lock(stage: Stage, shop: Shop) -> None:
    stage.submit(Paint(thing="wheel"))
    stage.play()
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    shop.says("t1", SUCCEEDED)
    stage.turn(POLL)

    assert the_one(stage).status is Status.SUCCEEDED
    assert [one.held for one in stage.store.locks()] == [True]


def test_an_operator_stops_it(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    stage.orchestrator.stop(the_one(stage).command_id, "wrong wheel")
    for _ in range(2):
        stage.turn(POLL)

    assert shop.stopped == ["t1"]
    assert the_one(stage).status is Status.STOPPED
    assert not shop.cleared


def test_it_is_stopped_also_while_it_waits_for_its_lock(stage: Stage, shop: Shop) -> None:
    stage.submit(Paint(thing="wheel"))
    stage.play()
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    stage.orchestrator.stop(the_one(stage).command_id, "wrong wheel")
    stage.play()
    between = the_one(stage).status
    for _ in range(2):
        stage.turn(POLL)

    assert between is Status.WAITING
    assert shop.stopped == ["t1"]
    assert the_one(stage).status is Status.STOPPED
    assert [one.held for one in stage.store.locks()] == [True]


def test_one_that_vanishes_has_stopped_for_all_we_know(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)

    del shop.tasks["t1"]
    stage.turn(POLL)

    assert the_one(stage).status is Status.STOPPED
    assert "gone outside" in (the_one(stage).message or "")
    assert task_of(stage, the_one(stage)).state is TaskState.CLEARED


def test_one_that_has_ended_already_is_shown_and_locks_nothing(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    shop.says("t1", TaskStatus.FAILED)

    stage.turn(LIST)
    ours = stage.submit(Turn(thing="wheel"))
    stage.play()

    assert the_one(stage).status is Status.FAILED
    assert stage.orchestrator.get(ours).status is Status.WAITING


def test_an_operator_has_an_ended_one_cleared(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    shop.says("t1", SUCCEEDED)
    stage.turn(LIST)
    one = the_one(stage)

    with pytest.raises(BadInputError, match="reason"):
        stage.orchestrator.clear(one.command_id, " ")
    stage.orchestrator.clear(one.command_id, "it is in the way")
    for _ in range(3):
        stage.turn(LIST)

    assert shop.cleared == ["t1"]
    assert task_of(stage, the_one(stage)).state is TaskState.CLEARED
    with pytest.raises(ConflictError, match="nothing to clear"):
        stage.orchestrator.clear(one.command_id, "again")


def test_one_that_stays_listed_after_it_was_cleared_is_not_found_again(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "clear", lambda task: shop.cleared.append(task.external_id))
    shop.begins("t1", "wheel")
    shop.says("t1", SUCCEEDED)
    stage.turn(LIST)

    stage.orchestrator.clear(the_one(stage).command_id, "it is in the way")
    for _ in range(4):
        stage.turn(LIST)

    assert shop.cleared == ["t1"]
    assert the_one(stage).status is Status.SUCCEEDED


def test_one_that_somebody_else_clears_is_nothing_to_clear_here(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    shop.says("t1", SUCCEEDED)
    stage.turn(LIST)

    del shop.tasks["t1"]
    stage.turn(LIST)

    assert task_of(stage, the_one(stage)).state is TaskState.CLEARED
    assert the_one(stage).status is Status.SUCCEEDED


def test_only_ended_ones_from_outside_are_cleared(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)
    ours = stage.submit(Turn(thing="lamp"))

    with pytest.raises(ConflictError, match="only the task of an ended one"):
        stage.orchestrator.clear(the_one(stage).command_id, "now")
    with pytest.raises(ConflictError, match="only the task of an ended one"):
        stage.orchestrator.clear(ours, "now")


def test_an_id_that_is_used_again_is_another_task(stage: Stage, shop: Shop) -> None:
    shop.begins("t1", "wheel")
    stage.turn(LIST)
    shop.says("t1", SUCCEEDED)
    stage.turn(LIST)

    shop.begins("t1", "lamp")
    stage.turn(LIST)

    second, first = sorted(found(stage), key=lambda one: one.status)[::-1]
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.WAITING)
    assert second.entity_id == "lamp"


def test_ours_are_not_found_outside(stage: Stage, shop: Shop) -> None:
    ours = stage.submit(Turn(thing="wheel"))
    stage.play()
    for _ in range(3):
        stage.turn(LIST)
    shop.says("s-wheel", SUCCEEDED)

    for _ in range(3):
        stage.turn(LIST)

    assert stage.orchestrator.get(ours).status is Status.SUCCEEDED
    assert found(stage) == []


def test_one_that_we_may_be_starting_is_not_adopted(stage: Stage, shop: Shop) -> None:
    shop.slow_to_tell = True
    ours = stage.submit(Turn(thing="wheel"))
    stage.play()

    stage.turn(LIST)
    held_back = found(stage)
    shop.slow_to_tell = False
    stage.turn(timedelta(minutes=2))
    stage.turn(LIST)

    assert "s-wheel" in shop.tasks
    assert held_back == []
    assert stage.orchestrator.get(ours).status is Status.WAITING
    assert found(stage) == []


def test_one_that_we_gave_up_before_we_knew_its_id_is_not_adopted(stage: Stage, shop: Shop) -> None:
    shop.mute = True
    ours = stage.submit(Turn(thing="wheel"))
    for _ in range(20):
        stage.turn(LIST)
    unknown = stage.orchestrator.get(ours).status

    stage.orchestrator.resolve(ours, Outcome.FAILED, "it is not ours any more")
    stage.turn(LIST)

    assert unknown is Status.NEEDS_ATTENTION
    assert found(stage) == []


def test_another_kind_of_task_is_adopted_while_we_start_one(stage: Stage, shop: Shop) -> None:
    shop.slow_to_tell = True
    stage.submit(Turn(thing="wheel"))
    stage.play()
    shop.begins("t1", "lamp", verb="bend")

    stage.turn(LIST)

    assert the_one(stage).entity_id == "lamp"


def test_one_that_turns_out_to_be_ours_is_given_back(stage: Stage, shop: Shop) -> None:
    shop.slow_to_tell = True
    ours = stage.submit(Turn(thing="wheel"))
    stage.play()
    shop.tasks["s-wheel"]["verb"] = "a name that only the listing has"
    stage.turn(LIST)
    adopted = the_one(stage)

    shop.slow_to_tell = False
    stage.turn(timedelta(minutes=2))
    stage.turn(LIST)

    assert adopted.status is Status.BLOCKED
    assert the_one(stage).status is Status.STOPPED
    assert ours in (the_one(stage).message or "")
    assert stage.orchestrator.get(ours).status is Status.WAITING
    assert not shop.stopped
    assert shop.tasks["s-wheel"]["status"] is RUNNING
