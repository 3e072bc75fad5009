"""A system that tells that something ended is asked at once, and not too often for all its news."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

import pytest

from orchestrator import AsyncTaskRef, TaskReport, TaskStatus
from orchestrator.core.status import Status
from orchestrator.engine.poll import REST_PER_TASK
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, POLL, Diary, Outside, Work


class Announced(Outside):
    """An outside system that says so when a task ends."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Callable[[str], None] = lambda scope: None
        self.polls = 0

    def listen(self, heard: Callable[[str], None]) -> None:
        self.heard = heard

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        self.polls += 1
        return super().poll(scope, tasks)


def _waiting() -> tuple[Announced, Stage, str, str]:
    outside = Announced()
    stage = Stage(COMMANDS, (Diary(), outside))
    command_id = stage.submit(Work(name="w"))
    stage.play()
    stage.turn(POLL)
    (task,) = stage.orchestrator.tasks([command_id])
    return outside, stage, command_id, task.scope


def test_a_scope_with_news_is_asked_before_its_interval_is_over() -> None:
    outside, stage, command_id, scope = _waiting()
    outside.says("w", TaskStatus.SUCCEEDED)
    stage.turn(REST_PER_TASK)
    before = stage.orchestrator.get(command_id).status

    outside.heard(scope)
    stage.play()

    assert stage.poller.news.is_set()
    assert (before, stage.orchestrator.get(command_id).status) == (
        Status.WAITING,
        Status.SUCCEEDED,
    )


def test_news_without_end_does_not_have_a_scope_asked_without_end() -> None:
    outside, stage, _, scope = _waiting()
    before = outside.polls

    for _ in range(100):
        outside.heard(scope)
        stage.turn(REST_PER_TASK / 10)

    assert outside.polls - before <= 11


def test_news_of_a_scope_without_tasks_of_ours_wakes_nobody() -> None:
    outside, stage, _, _ = _waiting()

    outside.heard("elsewhere")

    assert not stage.poller.news.is_set()


def test_news_that_comes_while_a_scope_is_asked_has_it_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside, stage, command_id, scope = _waiting()
    answer = outside.poll

    def late(asked: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        found = answer(asked, tasks)
        outside.says("w", TaskStatus.SUCCEEDED)
        outside.heard(scope)
        monkeypatch.setattr(outside, "poll", answer)
        return found

    monkeypatch.setattr(outside, "poll", late)
    stage.turn(timedelta(seconds=2))
    stage.turn(REST_PER_TASK)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_a_scope_that_is_slow_to_clear_is_polled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = Announced()
    stage = Stage(COMMANDS, (Diary(), outside))
    ids = [stage.submit(Work(name=f"w{number}")) for number in range(8)]
    last = stage.submit(Work(name="last"))
    stage.play()
    stage.turn(POLL)
    for number in range(8):
        outside.says(f"w{number}", TaskStatus.SUCCEEDED)
    cleared_at: list[int] = []

    def slowly(task: AsyncTaskRef) -> None:
        stage.clock.turn(timedelta(seconds=60))
        cleared_at.append(outside.polls)

    monkeypatch.setattr(outside, "clear", slowly)
    for _ in range(12):
        stage.turn(POLL)

    assert len(cleared_at) == len(ids)
    assert len(set(cleared_at)) == len(ids), "between any two of them the scope was asked"
    assert stage.orchestrator.get(last).status is Status.WAITING
