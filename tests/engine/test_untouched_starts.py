"""A start of which nothing has reached the outside system: who is stopped meanwhile has not begun there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import TaskStatus, TryAgain
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.acts import Outside, Work

AWAY = TryAgain("the host is away", untouched=True)
UNSURE = TryAgain("no answer came")


def _begun(stage: Stage, outside: Outside, *troubles: Exception) -> str:
    outside.troubles["w"] = list(troubles)
    command_id = stage.submit(Work(name="w"))
    stage.play()
    return command_id


@pytest.mark.parametrize("tries", [1, 4])
def test_a_stop_of_what_never_reached_the_system_ends_it(
    stage: Stage, outside: Outside, tries: int
) -> None:
    command_id = _begun(stage, outside, *[AWAY] * 100)
    for _ in range(tries - 1):
        stage.turn(timedelta(seconds=10))
    left = len(outside.troubles["w"])

    stage.orchestrator.stop(command_id, "enough")
    stage.turn(timedelta(minutes=1))

    assert stage.orchestrator.get(command_id).status is Status.STOPPED
    assert len(outside.troubles["w"]) == left, "the system is not asked again"
    assert outside.starts == []
    assert stage.store.locks() == []


def test_a_deadline_of_what_never_reached_the_system_fails_it(
    stage: Stage, outside: Outside
) -> None:
    outside.troubles["w"] = [AWAY] * 100
    deadline = stage.clock.now() + timedelta(seconds=30)
    command_id = stage.submit(Work(name="w"), deadline=deadline)
    stage.play()

    for _ in range(10):
        stage.turn(timedelta(seconds=10))

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert outside.starts == []


@pytest.mark.parametrize("troubles", [(UNSURE, AWAY), (AWAY, UNSURE, AWAY)])
def test_what_may_once_have_reached_the_system_stays_unknown(
    stage: Stage, outside: Outside, troubles: tuple[Exception, ...]
) -> None:
    command_id = _begun(stage, outside, *troubles, *[AWAY] * 100)
    for _ in troubles:
        stage.turn(timedelta(seconds=10))

    stage.orchestrator.stop(command_id, "enough")
    for _ in range(10):
        stage.turn(timedelta(minutes=1))

    assert stage.orchestrator.get(command_id).status is Status.NEEDS_ATTENTION


def test_what_was_away_is_begun_when_it_is_back(stage: Stage, outside: Outside) -> None:
    command_id = _begun(stage, outside, AWAY, AWAY)
    for _ in range(3):
        stage.turn(timedelta(seconds=10))
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(timedelta(seconds=10))

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert outside.starts == ["w"]
