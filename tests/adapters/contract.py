"""What every adapter owes the engine, as tests: subclass it and give the fixtures."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from orchestrator import (
    Adapter,
    AsyncTask,
    AsyncTaskRef,
    FoundTask,
    Refused,
    TaskReport,
    TaskStatus,
    TryAgain,
)

ENOUGH_S = 20.0


def ref_of(task: AsyncTask[Any], external_id: str | None = None) -> AsyncTaskRef:
    """Gives the task as the engine would have stored it, under a new id."""
    now = datetime.now(UTC)
    return AsyncTaskRef(
        task_id=str(uuid4()),
        system=task.system,
        scope=task.scope,
        verb=task.verb,
        request=task.request,
        external_id=external_id,
        created_at=now,
        changed_at=now,
    )


def known_as(ref: AsyncTaskRef, report: TaskReport) -> AsyncTaskRef:
    """Gives the reference with the outside id that a report told."""
    return AsyncTaskRef(
        task_id=ref.task_id,
        system=ref.system,
        scope=ref.scope,
        verb=ref.verb,
        request=ref.request,
        external_id=report.external_id or ref.external_id,
        detail=report.detail,
        created_at=ref.created_at,
        changed_at=ref.changed_at,
    )


def eventually(claim: Callable[[], Any], *, within_s: float = ENOUGH_S) -> Any:
    """Gives what the claim gives as soon as it is true; fails when it never is."""
    deadline = time.monotonic() + within_s
    while not (found := claim()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)
    return found


def until_ended(adapter: Adapter, ref: AsyncTaskRef) -> TaskReport:
    """Polls one task until it has ended and gives the last report."""

    def last_report() -> TaskReport | None:
        nonlocal ref
        (found,) = adapter.poll(ref.scope, [ref])
        ref = known_as(ref, found)
        return found if found.status.has_ended else None

    report = eventually(last_report)
    assert isinstance(report, TaskReport)
    return report


def start_again(adapter: Adapter, ref: AsyncTaskRef) -> TaskReport:
    """Starts a task that may have been started before, as often as the adapter asks for it."""

    def attempt() -> TaskReport | None:
        try:
            return adapter.start(ref, again=True)
        except TryAgain:
            return None

    report = eventually(attempt)
    assert isinstance(report, TaskReport)
    return report


class AdapterContract:
    """A subclass provides these fixtures.

    `adapter`: the adapter, with its system running. `quick_task`, `slow_task`: functions that
    describe a new task each time, one that succeeds within seconds, one that takes a minute if
    nobody stops it. `count_tasks`: how many tasks the system has begun so far. `count_listings`:
    how often it was asked to list them. `can_be_stopped` is false where the system lets everything run to its end.
    """

    can_be_stopped: ClassVar[bool] = True

    def test_it_has_the_shape_of_an_adapter(self, adapter: Adapter) -> None:
        assert isinstance(adapter, Adapter)

    def test_a_started_task_succeeds_under_our_id(
        self, adapter: Adapter, quick_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        ref = ref_of(quick_task())

        first = adapter.start(ref, again=False)
        last = until_ended(adapter, known_as(ref, first))

        assert (first.task_id, last.task_id) == (ref.task_id, ref.task_id)
        assert first.external_id is not None
        assert last.status is TaskStatus.SUCCEEDED

    def test_a_second_start_of_a_task_starts_nothing(
        self,
        adapter: Adapter,
        quick_task: Callable[[], AsyncTask[Any]],
        count_tasks: Callable[[], int],
    ) -> None:
        ref = ref_of(quick_task())
        before = count_tasks()
        first = adapter.start(ref, again=False)

        second = start_again(adapter, ref)
        last = until_ended(adapter, known_as(known_as(ref, first), second))

        assert last.status is TaskStatus.SUCCEEDED
        assert count_tasks() == before + 1

    def test_a_start_that_was_lost_on_its_way_is_made_up_for(
        self,
        adapter: Adapter,
        quick_task: Callable[[], AsyncTask[Any]],
        count_tasks: Callable[[], int],
    ) -> None:
        ref = ref_of(quick_task())
        before = count_tasks()

        first = start_again(adapter, ref)
        last = until_ended(adapter, known_as(ref, first))

        assert last.status is TaskStatus.SUCCEEDED
        assert count_tasks() == before + 1

    def test_many_tasks_are_polled_with_one_listing(
        self,
        adapter: Adapter,
        quick_task: Callable[[], AsyncTask[Any]],
        count_listings: Callable[[], int],
    ) -> None:
        refs = [ref_of(quick_task()) for _ in range(3)]
        refs = [known_as(ref, adapter.start(ref, again=False)) for ref in refs]
        before = count_listings()

        reports = list(adapter.poll(refs[0].scope, refs))

        assert count_listings() == before + 1
        assert {one.task_id for one in reports} == {one.task_id for one in refs}

    def test_a_task_that_the_system_does_not_know_is_not_taken_for_running(
        self, adapter: Adapter, slow_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        ref = ref_of(slow_task(), external_id=str(uuid4()))

        (report,) = adapter.poll(ref.scope, [ref])

        assert report.status in (TaskStatus.LOST, TaskStatus.FAILED)

    def test_a_stopped_task_ends_as_the_system_can(
        self, adapter: Adapter, slow_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        ref = ref_of(slow_task())
        ref = known_as(ref, adapter.start(ref, again=False))

        adapter.stop(ref)
        adapter.stop(ref)

        ends = (TaskStatus.ABORTED, TaskStatus.FAILED)
        assert until_ended(adapter, ref).status in (
            ends if self.can_be_stopped else (TaskStatus.SUCCEEDED,)
        )

    def test_a_task_may_be_cleared_twice(
        self, adapter: Adapter, quick_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        ref = ref_of(quick_task())
        ref = known_as(ref, adapter.start(ref, again=False))
        until_ended(adapter, ref)

        adapter.clear(ref)
        adapter.clear(ref)

    def test_what_runs_is_discovered(
        self, adapter: Adapter, slow_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        ref = ref_of(slow_task())
        ref = known_as(ref, adapter.start(ref, again=False))

        found = {
            one.report.external_id: one.report
            for one in adapter.discover(ref.scope)
            if isinstance(one, FoundTask)
        }

        assert found[ref.external_id].verb == ref.verb
        adapter.stop(ref)
        until_ended(adapter, ref)

    def test_an_unknown_verb_is_refused(
        self, adapter: Adapter, quick_task: Callable[[], AsyncTask[Any]]
    ) -> None:
        task = quick_task()
        ref = ref_of(AsyncTask(system=task.system, scope=task.scope, verb="no such verb"))

        with pytest.raises(Refused, match="no such verb"):
            adapter.start(ref, again=False)
