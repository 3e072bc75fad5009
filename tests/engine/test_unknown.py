"""What is stopped or late while nobody knows how it fares: it ends, or a person is asked; it is never begun again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import AsyncTask, Command, Outcome, TryAgain, WhenSilent
from orchestrator.core import event as ev
from orchestrator.core.errors import BadCommandError
from orchestrator.core.status import Status
from orchestrator.engine.writer import Request
from orchestrator.testing import Stage
from tests.engine.acts import Diary, Outside, Work

MINUTE = timedelta(minutes=1)


class Waiter(Command, kind="unknown.waiter"):
    """Waits for something that never comes."""

    def execute(self, diary: Diary) -> None:
        diary.write("wait")
        raise TryAgain("not yet", after=timedelta(seconds=5.0))


class Checker(Command, kind="unknown.checker"):
    """Is never allowed to begin."""

    def validate(self, diary: Diary) -> None:
        raise TryAgain("not yet", after=timedelta(seconds=5.0))

    def execute(self) -> None:
        raise AssertionError("it was not validated")


class Harmless(Command, kind="unknown.harmless", when_unknown=WhenSilent.FAIL):
    """May be taken as not done."""

    def execute(self, outside: Outside) -> AsyncTask[None]:
        return AsyncTask(system="outside", scope="x", verb="work", request={"name": "harmless"})


@pytest.fixture
def outside() -> Outside:
    """The outside system."""
    return Outside()


@pytest.fixture
def diary() -> Diary:
    """What was called."""
    return Diary()


@pytest.fixture
def stage(outside: Outside, diary: Diary) -> Stage:
    """A stage with commands that nobody can be sure of."""
    return Stage([Waiter, Checker, Harmless, Work], (outside, diary))


def claim(stage: Stage, command_id: str) -> None:
    """Has a worker take it, and fall silent."""
    kinds = frozenset(stage.catalog.kinds)
    assert stage.writer.write(Request(command_id, worker_id="dead", kinds=kinds)).claimed


@pytest.mark.parametrize("command", [Waiter(), Checker()], ids=["execute", "validate"])
def test_a_verb_that_says_not_yet_is_not_asked_again_after_a_stop(
    stage: Stage, command: Command
) -> None:
    root = stage.submit(command)
    claim(stage, root)
    stage.orchestrator.stop(root, "enough")

    attempt = stage.orchestrator.get(root).attempt
    stage.writer.write(Request(root, ev.Postponed(attempt, "not yet", MINUTE)))

    ended = stage.orchestrator.get(root)
    assert (ended.status, ended.message) == (Status.STOPPED, "enough")


def test_a_deadline_ends_a_start_that_is_never_answered(stage: Stage, outside: Outside) -> None:
    outside.troubles["a"] = [
        TryAgain("the host is away", after=timedelta(seconds=5.0)) for _ in range(1000)
    ]
    root = stage.submit(Work(name="a"), deadline=MINUTE)
    stage.play()

    for _ in range(40):
        stage.turn(timedelta(seconds=5))

    stuck = stage.orchestrator.get(root)
    assert stuck.status is Status.NEEDS_ATTENTION
    assert stuck.message is not None
    assert "whether it was started is unknown: the host is away" in stuck.message
    assert stuck.attempt < 30  # not for ever


def test_the_timeout_of_a_task_counts_before_it_is_started(stage: Stage, outside: Outside) -> None:
    outside.troubles["a"] = [
        TryAgain("the host is away", after=timedelta(seconds=3600.0)) for _ in range(1000)
    ]
    root = stage.submit(Work(name="a"))
    stage.play()

    stage.turn(timedelta(days=2))  # a task's timeout is a day where nobody says
    for _ in range(20):
        stage.turn(timedelta(seconds=10))

    assert stage.orchestrator.get(root).status is Status.NEEDS_ATTENTION
    stage.orchestrator.resolve(root, Outcome.FAILED, "it was never started")
    stage.play()
    assert stage.orchestrator.get(root).status is Status.FAILED


def test_a_start_that_was_stopped_in_time_is_found_and_stopped_outside(
    stage: Stage, outside: Outside
) -> None:
    outside.troubles["a"] = [TryAgain("the host is away", after=timedelta(seconds=3600.0))]
    root = stage.submit(Work(name="a"))
    stage.play()

    stage.orchestrator.stop(root, "enough")
    for _ in range(10):
        stage.turn(timedelta(seconds=5))

    assert outside.stopped == ["a"]
    assert stage.orchestrator.get(root).status is Status.STOPPED


def test_a_start_that_was_never_answered_is_unknown_and_can_be_begun_anew(
    stage: Stage, outside: Outside
) -> None:
    outside.troubles["a"] = [ConnectionError("no answer") for _ in range(6)]
    root = stage.submit(Work(name="a"))
    stage.play()
    for _ in range(40):
        stage.turn(timedelta(minutes=5))
        if stage.orchestrator.get(root).status is Status.NEEDS_ATTENTION:
            break
    assert stage.orchestrator.get(root).status is Status.NEEDS_ATTENTION

    stage.orchestrator.restart(root, "the host is back")
    stage.play()

    assert outside.starts == ["a"]
    assert stage.orchestrator.get(root).status is Status.WAITING


def test_a_class_may_say_that_what_is_unknown_was_not_done(stage: Stage, outside: Outside) -> None:
    outside.troubles["harmless"] = [ConnectionError("no answer") for _ in range(6)]
    root = stage.submit(Harmless())
    stage.play()
    for _ in range(20):
        stage.turn(timedelta(minutes=5))

    assert stage.orchestrator.get(root).status is Status.FAILED


def test_a_worker_that_dies_in_a_command_that_is_being_stopped_leaves_it_open(
    stage: Stage, diary: Diary
) -> None:
    root = stage.submit(Waiter())
    claim(stage, root)
    stage.orchestrator.stop(root, "enough")

    stage.writer.write(Request(root, ev.Abandoned("dead")))
    stage.play()

    assert diary.notes == []  # it was not begun again
    assert stage.orchestrator.get(root).status is Status.NEEDS_ATTENTION


def test_when_unknown_is_one_of_two() -> None:
    with pytest.raises(BadCommandError, match="when_unknown"):

        class Odd(Command, kind="unknown.odd", when_unknown="maybe"):  # type: ignore[arg-type]
            def execute(self) -> None: ...
