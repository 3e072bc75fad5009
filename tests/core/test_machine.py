"""The transition table: complete, without contradiction, and obeyed by every move."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core import event as ev
from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.machine import STEPS, TABLE, Impossible, is_fenced, react
from orchestrator.core.reaction import Policy
from orchestrator.core.status import FINAL, Mode, Outcome, Phase, Status, Verbs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = timedelta(seconds=5)
TASK: AsyncTask[None] = AsyncTask(system="s", scope="x", verb="v")
EVENTS: dict[type, Any] = {
    ev.Begin: ev.Begin(),
    ev.LocksGranted: ev.LocksGranted(),
    ev.Claim: ev.Claim("w"),
    ev.Done: ev.Done(1, {"a": 1}),
    ev.Expanded: ev.Expanded(1, Mode.SEQUENCE, 2),
    ev.Suspended: ev.Suspended(1, TASK),
    ev.Started: ev.Started(1),
    ev.Failed: ev.Failed(1, "broken"),
    ev.Postponed: ev.Postponed(1, "busy", SOON),
    ev.Abandoned: ev.Abandoned("w"),
    ev.Woken: ev.Woken(),
    ev.NoWorker: ev.NoWorker("nobody knows it", timedelta(seconds=1), timedelta(seconds=15)),
    ev.PartEnded: ev.PartEnded("p", Outcome.FAILED, reason="broken"),
    ev.PartAdded: ev.PartAdded(),
    ev.Undo: ev.Undo(),
    ev.PartUndone: ev.PartUndone(),
    ev.TaskEnded: ev.TaskEnded(Outcome.FAILED, None, "broken"),
    ev.TaskSilent: ev.TaskSilent("silent"),
    ev.Progressed: ev.Progressed(0.5, "half"),
    ev.Cancel: ev.Cancel(),
    ev.Stop: ev.Stop(Outcome.STOPPED, "enough"),
    ev.Skip: ev.Skip("without"),
    ev.Restart: ev.Restart("again"),
    ev.Reset: ev.Reset(),
    ev.Resolve: ev.Resolve(Outcome.SUCCEEDED, "seen"),
}


def command(status: Status, **fields: Any) -> CommandEntity:
    """Makes a command in that status."""
    given_: dict[str, Any] = {
        "command_id": "c",
        "root_id": "r",
        "parent_id": "p",
        "kind": "k",
        "version": 1,
    }
    return CommandEntity(**given_ | {"label": "l", "status": status} | fields)


def test_every_event_there_is_stands_in_the_table() -> None:
    assert {row.event for row in TABLE} == set(get_args(ev.Event)) == set(EVENTS)


def test_no_event_has_two_moves_in_one_status() -> None:
    pairs = [(status, row.event) for row in TABLE for status in row.given]

    assert len(pairs) == len(set(pairs))


def test_every_status_can_be_reached_and_no_unended_one_is_a_trap() -> None:
    reached, left = {to for _, to in STEPS}, {given_ for given_, _ in STEPS}

    assert reached | {Status.PENDING} == set(Status)
    assert set(Status) - FINAL <= left


@pytest.mark.parametrize("status", Status)
def test_an_event_that_the_table_does_not_list_is_refused_in_one_sentence(status: Status) -> None:
    listed = {row.event for row in TABLE if status in row.given}

    for kind, event in EVENTS.items():
        if kind in listed:
            continue
        with pytest.raises(Impossible, match=f"command c .k. is {status}; .* does not apply"):
            react(command(status), event, NOW, Policy())


def test_an_impossible_event_is_a_conflict() -> None:
    assert issubclass(Impossible, ConflictError)


LOCK = (Lock("vm", "1", LockMode.EXCLUSIVE),)
COMMANDS = st.builds(
    command,
    status=st.sampled_from(Status),
    phase=st.sampled_from(Phase),
    mode=st.sampled_from([None, *Mode]),
    verbs=st.integers(0, 31).map(Verbs),
    in_sequence=st.booleans(),
    best_effort=st.booleans(),
    order=st.integers(-1, 2),
    next_id=st.sampled_from([None, "n"]),
    parts=st.integers(0, 3),
    pending=st.integers(1, 3),
    outcome=st.sampled_from([None, *Outcome]),
    stopping=st.sampled_from([None, Outcome.STOPPED, Outcome.FAILED]),
    attempt=st.just(1),
    deaths=st.integers(0, 6),
    tries=st.integers(0, 3),
    worker_id=st.just("w"),
    locks=st.sampled_from([(), LOCK]),
    start_time=st.sampled_from([None, NOW]),
)
ROWS = st.sampled_from(TABLE)


@settings(max_examples=1500, deadline=None)
@given(row=ROWS, made=COMMANDS, data=st.data())
def test_a_move_leads_only_where_its_row_says(
    row: Any, made: CommandEntity, data: st.DataObject
) -> None:
    before = made._replace(status=data.draw(st.sampled_from(row.given)))
    if before.phase is Phase.UNDO_PARTS and before.status is not Status.WAITING:
        before = before._replace(phase=Phase.EXECUTE)

    try:
        reaction = react(before, EVENTS[row.event], NOW, Policy())
    except AssertionError:
        if is_possible(before, row.event):
            raise
        return

    assert reaction.command.status in row.to
    assert reaction.command.command_id == before.command_id
    if reaction.command.status in FINAL and before.status not in FINAL:
        assert reaction.command.wake_at is None
    if reaction.command.status is Status.READY and before.status is not Status.READY:
        assert reaction.command.wake_at == NOW + Policy().launch_grace


def is_possible(c: CommandEntity, event: type) -> bool:
    """Tells whether a command could ever stand so when the event comes; a coarse net."""
    waits_outside = c.phase in (Phase.EXECUTE, Phase.COMPENSATE)
    return not (event in (ev.TaskEnded, ev.TaskSilent, ev.Resolve) and not waits_outside)


@pytest.mark.parametrize(
    "kind", [ev.Done, ev.Expanded, ev.Suspended, ev.Started, ev.Failed, ev.Postponed]
)
def test_words_under_another_attempt_are_fenced_off(kind: type) -> None:
    event = EVENTS[kind]

    assert not is_fenced(command(Status.RUNNING, attempt=1), event)
    assert is_fenced(command(Status.RUNNING, attempt=2), event)
    assert is_fenced(command(Status.SUCCEEDED, attempt=1), event)


def test_a_claim_is_taken_only_from_the_worker_that_has_it() -> None:
    assert not is_fenced(command(Status.RUNNING, worker_id="w"), ev.Abandoned("w"))
    assert is_fenced(command(Status.RUNNING, worker_id="v"), ev.Abandoned("w"))
    assert is_fenced(command(Status.READY), ev.Abandoned("w"))


def test_every_claim_is_a_new_attempt() -> None:
    claimed = react(command(Status.READY, attempt=6), ev.Claim("w"), NOW, Policy()).command

    assert (claimed.attempt, claimed.worker_id, claimed.wake_at) == (7, "w", None)


def test_lost_nudges_are_repeated_with_growing_patience() -> None:
    policy = Policy(launch_grace=timedelta(seconds=1), launch_most=timedelta(seconds=10))
    one = command(Status.READY)
    waits = []
    for _ in range(6):
        one = react(one, ev.Woken(), NOW, policy).command
        assert one.wake_at is not None
        waits.append((one.wake_at - NOW).total_seconds())

    assert waits == [2, 4, 8, 10, 10, 10]


def test_a_failure_outweighs_a_stop_and_either_outweighs_success() -> None:
    for first, second in itertools.product(Outcome, Outcome):
        parent = command(Status.WAITING, mode=Mode.PARALLEL, parts=2, pending=2, start_time=NOW)
        for outcome in (first, second):
            parent = react(parent, ev.PartEnded("p", outcome), NOW, Policy()).command

        wanted = max(
            first, second, key=[*(Outcome.SUCCEEDED, Outcome.STOPPED, Outcome.FAILED)].index
        )
        assert parent.outcome is wanted


STOPPABLE = [
    (row, status, stopping)
    for row in TABLE
    for status in row.given
    if status not in (Status.PENDING, *FINAL)  # they are not marked, they end when they are stopped
    for stopping in (Outcome.STOPPED, Outcome.FAILED)
]


@pytest.mark.parametrize(
    ("row", "status", "stopping"),
    STOPPABLE,
    ids=lambda one: one.event.__name__ if hasattr(one, "event") else str(one),
)
@pytest.mark.parametrize("later", [None, SOON])
@pytest.mark.parametrize("verbs", [Verbs.EXECUTE, Verbs.VALIDATE, Verbs.EXECUTE | Verbs.END])
def test_what_is_being_stopped_is_never_begun_again(
    row: Any, status: Status, stopping: Outcome, later: timedelta | None, verbs: Verbs
) -> None:
    event = EVENTS[row.event]
    if isinstance(event, ev.Failed | ev.TaskEnded):
        event = replace(event, retry_in=later)
    one = command(
        status, stopping=stopping, verbs=verbs, pending=1, attempt=1, worker_id="w", start_time=NOW
    )

    found = react(one, event, NOW, Policy()).command

    is_due = found.status in (Status.BLOCKED, Status.READY, Status.DELAYED)
    ordered = isinstance(event, ev.Restart | ev.Claim)  # by an operator, who calls the stop off
    assert ordered or not (is_due and found.phase is Phase.EXECUTE)


def test_a_start_that_is_being_stopped_is_asked_a_few_times_more_and_then_unknown() -> None:
    policy = Policy()
    one = command(Status.RUNNING, phase=Phase.START, stopping=Outcome.FAILED, pending=1, attempt=1)
    waits = []
    for _ in range(policy.stop_tries):
        one = react(one, ev.Postponed(1, "busy", timedelta(hours=1)), NOW, policy).command
        if one.status is Status.DELAYED:
            waits.append(one.wake_at)
            one = one._replace(status=Status.RUNNING)

    assert waits == [NOW + policy.stop_wait] * (policy.stop_tries - 1)
    assert (one.status, one.phase, one.pending) == (Status.NEEDS_ATTENTION, Phase.EXECUTE, 1)


def test_a_stop_asks_a_sleeping_start_at_once() -> None:
    one = command(Status.DELAYED, phase=Phase.START, pending=1, wake_at=NOW + timedelta(hours=1))

    found = react(one, EVENTS[ev.Stop], NOW, Policy()).command

    assert (found.status, found.stopping) == (Status.READY, Outcome.STOPPED)


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (Verbs.EXECUTE, Status.NEEDS_ATTENTION),
        (Verbs.EXECUTE | Verbs.UNKNOWN_FAILS, Status.STOPPED),
        (Verbs.VALIDATE, Status.STOPPED),
        (Verbs.PLAN, Status.STOPPED),
    ],
)
def test_only_a_verb_that_may_have_been_done_leaves_a_stop_open(
    verbs: Verbs, status: Status
) -> None:
    one = command(
        Status.RUNNING, stopping=Outcome.STOPPED, verbs=verbs, worker_id="w", start_time=NOW
    )

    assert react(one, ev.Abandoned("w"), NOW, Policy()).command.status is status


@pytest.mark.parametrize(
    ("verbs", "refused", "status"),
    [
        (Verbs.EXECUTE, False, Status.NEEDS_ATTENTION),
        (Verbs.EXECUTE, True, Status.FAILED),
        (Verbs.EXECUTE | Verbs.UNKNOWN_FAILS, False, Status.FAILED),
    ],
)
def test_a_start_has_failed_only_when_it_was_surely_refused(
    verbs: Verbs, refused: bool, status: Status
) -> None:
    one = command(Status.RUNNING, phase=Phase.START, verbs=verbs, pending=1, attempt=1)

    assert react(one, ev.Failed(1, "x", refused=refused), NOW, Policy()).command.status is status


def test_a_verb_that_fails_has_failed() -> None:
    one = command(Status.RUNNING, verbs=Verbs.EXECUTE, attempt=1)

    assert react(one, ev.Failed(1, "x"), NOW, Policy()).command.status is Status.FAILED
