"""What is being stopped or is late, in every row of the machine's table: it is not waited for for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core import event as ev
from orchestrator.core.machine import TABLE, is_fenced, react
from orchestrator.core.reaction import Policy
from orchestrator.core.status import FINAL, Mode, Outcome, Phase, Status, Verbs
from tests.core.test_machine import EVENTS, NOW, SOON, command

ROUNDS = 200
SAID = [
    event
    for row in TABLE
    if Status.RUNNING in row.given
    for event in (EVENTS[row.event],)
    if not isinstance(event, ev.Stop | ev.PartEnded)  # they are no word of its worker's
]


@pytest.mark.parametrize("phase", [one for one in Phase if one is not Phase.UNDO_PARTS])
@pytest.mark.parametrize("said", SAID, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("stopping", [Outcome.STOPPED, Outcome.FAILED])
@pytest.mark.parametrize("verbs", [Verbs.EXECUTE, Verbs.EXECUTE | Verbs.UNKNOWN_FAILS])
def test_what_is_being_stopped_is_not_called_for_ever_in_any_phase(
    phase: Phase, said: Any, stopping: Outcome, verbs: Verbs
) -> None:
    if phase is Phase.EXECUTE and isinstance(said, ev.Started):
        return  # nothing was to be started
    one = command(
        Status.READY, phase=phase, stopping=stopping, verbs=verbs, pending=1, start_time=NOW
    )

    for _ in range(ROUNDS):
        if one.status is Status.DELAYED:
            one = react(one, ev.Woken(), NOW, Policy()).command
        if one.status is not Status.READY:
            break
        one = react(one, ev.Claim("w"), NOW, Policy()).command
        event = replace(said, attempt=one.attempt) if hasattr(said, "attempt") else said
        if isinstance(event, ev.Failed):  # with a try left, which the engine grants but so often
            event = replace(event, retry_in=SOON if one.tries < 5 else None)
        one = react(one, event, NOW, Policy()).command
        one = one._replace(status=Status.READY) if one.status is Status.RUNNING else one

    held = isinstance(said, ev.Suspended)  # it comes back to be started: that is another row
    assert held or one.status not in (Status.BLOCKED, Status.READY, Status.DELAYED, Status.RUNNING)


@pytest.mark.parametrize("phase", [Phase.END, Phase.COMPENSATE, Phase.START_COMPENSATE])
def test_our_own_outage_is_never_counted_against_a_command(phase: Phase) -> None:
    one = command(Status.RUNNING, phase=phase, stopping=Outcome.STOPPED, pending=1, attempt=1)
    away = ev.Postponed(1, "the database is away", SOON, own=True)

    for _ in range(ROUNDS):
        one = react(one, away, NOW, Policy()).command
        assert (one.status, one.tries) == (Status.DELAYED, 0)
        one = one._replace(status=Status.RUNNING)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    "status", [one for one in Status if one not in FINAL and one is not Status.PENDING]
)
def test_whatever_lives_is_marked_by_a_stop_and_passes_it_on(status: Status, phase: Phase) -> None:
    late = ev.Stop(Outcome.FAILED, "its deadline has passed")
    one = command(
        status, phase=phase, verbs=Verbs.EXECUTE, parts=2, pending=1, start_time=NOW, message="?"
    )

    reaction = react(one, late, NOW, Policy())

    found = reaction.command
    assert found.stopping is Outcome.FAILED or found.status in FINAL
    if found.status in (Status.WAITING, Status.NEEDS_ATTENTION) and found.phase is phase:
        assert [one.event.passed_on for one in reaction.letters if isinstance(one.event, ev.Stop)]
    assert react(found, late, NOW, Policy()).command == found  # to say it again changes nothing


def test_an_undo_tells_that_the_whole_is_being_stopped() -> None:
    given_ = {"mode": Mode.SEQUENCE, "parts": 2, "start_time": NOW, "pending": 1}
    top = command(Status.WAITING, stopping=Outcome.STOPPED, **given_)
    (order,) = react(top, ev.PartEnded("p", Outcome.STOPPED), NOW, Policy()).letters[-1:]

    undoing = react(
        command(Status.SUCCEEDED, verbs=Verbs.COMPENSATE), order.event, NOW, Policy()
    ).command
    running = react(undoing, ev.Claim("w"), NOW, Policy()).command._replace(order=1)
    (onwards,) = react(
        running._replace(in_sequence=True), ev.Done(running.attempt), NOW, Policy()
    ).letters

    assert undoing.stopping is Outcome.STOPPED
    assert onwards.event == order.event == ev.Undo(Outcome.STOPPED)


def test_what_nobody_knows_stays_unknown_until_a_person_says(  # a deadline knows nothing
) -> None:
    one = command(Status.NEEDS_ATTENTION, pending=1, message="it is lost", start_time=NOW)

    for stop in (ev.Stop(Outcome.FAILED, "late"), ev.Stop(Outcome.STOPPED, "x", passed_on=True)):
        found = react(one, stop, NOW, Policy()).command
        assert (found.status, found.stopping) == (Status.NEEDS_ATTENTION, stop.outcome)
        assert found.message == f"it is lost; {stop.reason}"

    given_up = react(one, ev.Stop(Outcome.STOPPED, "forget it"), NOW, Policy()).command
    assert given_up.status is Status.STOPPED


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("phase", [one for one in Phase if one is not Phase.UNDO_PARTS])
def test_a_verb_that_does_not_come_back_is_resolved(phase: Phase, outcome: Outcome) -> None:
    outside = phase in (Phase.START, Phase.START_COMPENSATE)
    one = command(
        Status.RUNNING, phase=phase, stopping=Outcome.STOPPED, pending=int(outside),
        worker_id="w", attempt=3, verbs=Verbs.EXECUTE, start_time=NOW,
        outcome=Outcome.STOPPED if phase is Phase.END else None,
    )  # fmt: skip

    found = react(one, ev.Resolve(outcome, "seen"), NOW, Policy()).command

    undoing = phase in (Phase.COMPENSATE, Phase.START_COMPENSATE)
    stuck = undoing and outcome is not Outcome.SUCCEEDED
    assert found.status is Status.NEEDS_ATTENTION if stuck else found.status in FINAL
    assert found.worker_id is None
    assert is_fenced(found, ev.Done(3))
