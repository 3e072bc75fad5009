"""Retries with back-off, passing conditions, timeouts, deadlines; commands that kill workers."""

from __future__ import annotations

import threading
from datetime import timedelta

from orchestrator import Command, Outcome, Retry, TryAgain
from orchestrator.core.status import Phase, Status
from orchestrator.engine.writer import Request
from orchestrator.testing import Stage
from tests.engine.acts import FAILS, Diary, Ended, Group, Outside, Step, Stubborn, Work
from tests.engine.conftest import Stages
from tests.services import until

SECOND = timedelta(seconds=1)
BROKEN = RuntimeError("broken")


def test_a_verb_that_raised_is_tried_again_after_a_growing_while(
    stage: Stage, diary: Diary
) -> None:
    diary.trouble("do a", BROKEN, BROKEN)
    sleeping = stage.perform(Stubborn(name="a"))
    assert sleeping.status is Status.DELAYED
    assert sleeping.message == "RuntimeError: broken"

    stage.turn(9 * SECOND)
    assert len(diary.notes) == 1
    stage.turn(1 * SECOND)
    assert len(diary.notes) == 2
    stage.turn(29 * SECOND)
    assert len(diary.notes) == 2
    stage.turn(1 * SECOND)

    assert stage.orchestrator.get(sleeping.command_id).status is Status.SUCCEEDED


def test_after_its_last_try_a_command_has_failed(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", BROKEN, BROKEN, BROKEN)
    command_id = stage.submit(Stubborn(name="a"))

    for _ in range(10):
        stage.turn(60 * SECOND)

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert len(diary.notes) == 3


def test_a_command_that_declares_no_retry_is_called_once(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", BROKEN)

    assert stage.perform(Step(name="a")).status is Status.FAILED


def test_a_refusal_is_not_tried_again(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", FAILS)

    done = stage.perform(Stubborn(name="a"))

    assert (done.status, done.message) == (Status.FAILED, "it may not be")


def test_a_passing_condition_costs_no_tries(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", *[TryAgain("busy", after=5 * SECOND)] * 20)
    command_id = stage.submit(Stubborn(name="a"))
    stage.play()
    assert stage.orchestrator.get(command_id).message == "busy"

    for _ in range(20):
        stage.turn(5 * SECOND)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_a_refused_validation_leaves_nothing_to_end(stage: Stage, diary: Diary) -> None:
    diary.trouble("validate a", FAILS)

    done = stage.perform(Ended(name="a"))

    assert done.status is Status.FAILED
    assert diary.notes == ["validate a"]


def test_an_end_is_tried_harder_than_an_execute(stage: Stage, diary: Diary) -> None:
    diary.trouble("end a succeeded", *[BROKEN] * 5)
    command_id = stage.submit(Ended(name="a"))

    for _ in range(20):
        stage.turn(60 * SECOND)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert diary.notes.count("do a") == 1


def test_an_end_that_cannot_be_done_needs_attention(stage: Stage, diary: Diary) -> None:
    diary.trouble("end a succeeded", FAILS)

    stuck = stage.perform(Ended(name="a"))

    assert (stuck.status, stuck.phase) == (Status.NEEDS_ATTENTION, Phase.END)


def test_a_start_that_breaks_is_tried_again(stage: Stage, outside: Outside) -> None:
    outside.troubles["w"] = [BROKEN, TryAgain("host away", after=SECOND)]
    command_id = stage.submit(Work(name="w"))
    for _ in range(5):
        stage.turn(10 * SECOND)

    assert stage.orchestrator.get(command_id).status is Status.WAITING
    assert outside.starts == ["w"]


def test_a_refused_start_fails_the_command(stage: Stage, outside: Outside) -> None:
    outside.troubles["w"] = [FAILS]

    done = stage.perform(Work(name="w"))

    assert (done.status, done.message) == (Status.FAILED, "it may not be")
    stage.turn(10 * SECOND)
    assert outside.cleared == ["w"]


class Hangs(
    Command,
    kind="hangs",
    timeout=timedelta(milliseconds=30),
    retry=Retry(attempts=2, first=SECOND, jitter=0),
):
    """Hangs in its first call until it is let go."""

    def execute(self, gate: Gate) -> None:
        gate.calls += 1
        if gate.calls == 1:
            gate.entered.set()
            gate.opened.wait(20)


class Gate:
    """Where the command hangs."""

    def __init__(self) -> None:
        self.calls = 0
        self.entered, self.opened = threading.Event(), threading.Event()


def test_a_verb_past_its_timeout_is_fenced_and_tried_again(stages: Stages) -> None:
    gate = Gate()
    stage = stages(Hangs, supplies=(gate,))
    command_id = stage.submit(Hangs())
    hanging = threading.Thread(target=stage.play)
    hanging.start()
    assert gate.entered.wait(20)

    until(lambda: stage.runner.fence_expired() == 1, what="the verb is fenced")
    fenced = stage.orchestrator.get(command_id)
    gate.opened.set()
    hanging.join()
    stage.turn(2 * SECOND)

    assert (fenced.status, fenced.message) == (Status.DELAYED, "execute ran past its timeout")
    done = stage.orchestrator.get(command_id)
    assert (done.status, done.attempt, gate.calls) == (Status.SUCCEEDED, 2, 2)


def test_a_deadline_fails_what_has_not_ended_and_undoes_the_rest(
    stage: Stage, diary: Diary, outside: Outside
) -> None:
    group = Group(name="g", shape=["seq", "a", ["work", "w"], "b"])
    command_id = stage.submit(group, deadline=60 * SECOND)
    stage.turn(59 * SECOND)
    assert stage.orchestrator.get(command_id).status is Status.WAITING

    for _ in range(3):
        stage.turn(3 * SECOND)

    done = stage.orchestrator.get(command_id)
    assert done.status is Status.FAILED
    assert set(outside.stopped) == {"w"}
    assert diary.notes == ["do a", "undo a", "end g failed"]


def test_a_deadline_also_ends_the_wait_for_a_retry(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", *[TryAgain("busy", after=5 * SECOND)] * 50)
    command_id = stage.submit(Stubborn(name="a"), deadline=20 * SECOND)

    for _ in range(5):
        stage.turn(5 * SECOND)

    done = stage.orchestrator.get(command_id)
    assert (done.status, done.message) == (Status.FAILED, "its deadline has passed")


def test_a_dead_workers_command_goes_to_another(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Step(name="a"))
    _die_with(stage, command_id)

    stage.play()

    done = stage.orchestrator.get(command_id)
    assert (done.status, done.attempt, done.deaths) == (Status.SUCCEEDED, 2, 1)


def test_a_command_that_kills_workers_is_given_up(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", "b"]))
    stage.inbox.nudges.clear()
    poison = stage.orchestrator.tree(command_id)[1].command_id
    for _ in range(5):
        stage.clock.turn(60 * SECOND)
        stage.reconciler.wake()
        stage.inbox.nudges.clear()
        _die_with(stage, poison)
        stage.reconciler.tick()
        stage.inbox.nudges.clear()

    stage.turn(60 * SECOND)

    given_up = stage.orchestrator.get(poison)
    assert given_up.status is Status.NEEDS_ATTENTION  # it may have been done, each of five times
    assert given_up.message == "given up: 5 workers died or fell silent while they ran its execute"

    stage.orchestrator.resolve(poison, Outcome.FAILED, "it was not done")
    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert diary.notes == ["end g failed"]


def test_what_a_worker_says_after_it_lost_its_claim_is_ignored(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Step(name="a"))
    late = stage.writer.write(
        Request(command_id, worker_id="slow", kinds=frozenset(stage.catalog.kinds))
    ).claimed
    assert late is not None
    stage.play()
    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    before = stage.orchestrator.get(command_id)

    from orchestrator.core import event as ev

    answer = stage.writer.write(Request(command_id, ev.Failed(late.command.attempt, "late")))

    assert not answer.accepted
    assert stage.orchestrator.get(command_id) == before


def test_a_lost_nudge_is_sent_again(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Step(name="a"))
    stage.inbox.nudges.clear()
    stage.play()
    assert diary.notes == []

    stage.turn(2 * SECOND)

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_a_doubled_nudge_does_nothing_twice(stage: Stage, diary: Diary) -> None:
    command_id = stage.submit(Group(name="g", shape=["par", "a", "b"]))
    stage.inbox.nudges.extend([*stage.inbox.nudges] * 3)

    stage.play()

    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert len(diary.notes) == 3


def _die_with(stage: Stage, command_id: str) -> None:
    """A worker that nobody registered claims the command, and is heard of no more."""
    done = stage.writer.write(
        Request(command_id, worker_id="dead", kinds=frozenset(stage.catalog.kinds))
    )
    assert done.claimed is not None


def test_why_it_had_to_wait_is_forgotten_when_it_has_succeeded(stage: Stage, diary: Diary) -> None:
    diary.trouble("do a", TryAgain("busy", after=SECOND))
    waiting = stage.perform(Step(name="a"))
    assert waiting.message == "busy"

    stage.turn(2 * SECOND)

    done = stage.orchestrator.get(waiting.command_id)
    assert (done.status, done.message) == (Status.SUCCEEDED, None)
