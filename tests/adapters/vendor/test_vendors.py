"""The adapter of tasks that vendors run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.vendor.vendors import STOP_GRACE, Vendors, adapter
from orchestrator import Adapter, AsyncTaskRef, TaskStatus

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Hand:
    """A clock that stands still until it is turned; seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def task(*, heard_after_s: float = 0) -> AsyncTaskRef:
    return AsyncTaskRef(
        task_id="t-1",
        system="vendor",
        scope="acme",
        verb="external",
        request={},
        created_at=BEGAN,
        changed_at=BEGAN + timedelta(seconds=heard_after_s),
    )


def test_a_task_is_offered_not_sent() -> None:
    vendors = Vendors()

    report = vendors.start(task(), again=False)

    assert isinstance(vendors, Adapter)
    assert (report.status, report.external_id) == (TaskStatus.RUNNING, "t-1")
    assert not list(vendors.poll("acme", [task()]))
    assert not list(vendors.discover("acme"))


def test_what_no_vendor_has_begun_is_stopped_at_once() -> None:
    answer = Vendors().stop(task())

    assert answer is not None
    assert answer.status is TaskStatus.ABORTED


def test_a_vendor_at_work_is_given_time_to_stop_then_nobody_knows() -> None:
    clock = Hand()
    vendors = Vendors(stop_grace_s=60, clock=clock)

    answers = []
    for clock.at in (0, 59, 60):
        answers.append(vendors.stop(task(heard_after_s=5)))

    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert answers[2].status is TaskStatus.LOST
    assert "'acme' did not answer the stop for 60 s" in (answers[2].message or "")


def test_a_vendor_that_still_speaks_is_waited_for() -> None:
    clock = Hand()
    vendors = Vendors(stop_grace_s=60, clock=clock)

    answers = []
    for clock.at in (0, 50, 100, 150):
        answers.append(vendors.stop(task(heard_after_s=5 + clock.at)))

    assert answers == [None] * 4


def test_a_cleared_task_is_forgotten() -> None:
    clock = Hand()
    vendors = Vendors(stop_grace_s=60, clock=clock)
    vendors.stop(task(heard_after_s=5))

    vendors.clear(task(heard_after_s=5))
    clock.at = 100

    assert vendors.stop(task(heard_after_s=5)) is None


def test_the_grace_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STOP_GRACE, "7")

    assert adapter().stop_grace_s == 7
