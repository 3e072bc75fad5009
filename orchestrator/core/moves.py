"""The moves of the machine: one small function for each thing that can happen to a command.

Each looks at one command and one event only; what concerns others goes into letters. So the cost of a step
does not grow with the tree.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.core import event as ev
from orchestrator.core.ending import (
    attention,
    compensated,
    delayed,
    final,
    finish,
    give_up,
    judge,
    ready,
    settle,
    turn_goes_on,
    undo_goes_on,
    undo_parts,
    undone,
    unknown,
    with_effects,
    worse,
)
from orchestrator.core.entity import CommandEntity
from orchestrator.core.external import EXTERNAL_KIND
from orchestrator.core.reaction import (
    AnyEffect,
    Effect,
    Letter,
    Policy,
    Reaction,
    StoreTask,
    StoreValue,
    To,
)
from orchestrator.core.status import Mode, Outcome, Phase, Status, Verbs

STARTING_VERBS = Verbs.VALIDATE | Verbs.PLAN | Verbs.EXECUTE


def begin(c: CommandEntity, _: ev.Begin, now: datetime, policy: Policy) -> Reaction:
    """Asks for the locks first, if it declares any."""
    if c.locks:
        return Reaction(c._replace(status=Status.BLOCKED), effects=(Effect.ACQUIRE_LOCKS,))
    return start(c, ev.LocksGranted(), now, policy)


def start(c: CommandEntity, _: ev.LocksGranted, now: datetime, policy: Policy) -> Reaction:
    """Makes it ready for a worker, or opens its parts at once when no verb of its own is due."""
    if c.verbs & STARTING_VERBS:
        return Reaction(ready(c._replace(message=None), now, policy))
    return open_parts(c._replace(message=None), now, policy)


def open_parts(c: CommandEntity, now: datetime, policy: Policy) -> Reaction:
    """Begins the first part of a sequence, or all parts that go side by side; with none, its work is done.

    What was found outside is under way already: it waits for the end of that.
    """
    if not c.parts and c.pending:
        waiting = c._replace(status=Status.WAITING, start_time=c.start_time or now)
        return Reaction(waiting, effects=(Effect.CHECK_TASK,))
    if not c.parts:
        nothing_done = c._replace(outcome=None, start_time=c.start_time or now)
        return judge(nothing_done, now, policy, ignore_stop=True)
    in_sequence = c.mode is Mode.SEQUENCE
    waiting = c._replace(
        status=Status.WAITING,
        worker_id=None,
        wake_at=None,
        pending=c.pending + (1 if in_sequence else c.parts),
        start_time=c.start_time or now,
    )
    return Reaction(waiting, (Letter(To.FIRST_PART if in_sequence else To.PARTS, ev.Begin()),))


def pass_turn(c: CommandEntity, _: ev.Begin, _now: datetime, _policy: Policy) -> Reaction:
    """It needs nothing done (skipped, or done before a restart), so the turn goes to whoever follows."""
    return Reaction(c, (turn_goes_on(c, Outcome.SUCCEEDED),))


def refuse_turn(c: CommandEntity, _: ev.Begin, _now: datetime, _policy: Policy) -> Reaction:
    """It was stopped before its turn came."""
    return Reaction(c, (turn_goes_on(c, Outcome.STOPPED),))


def claim(c: CommandEntity, event: ev.Claim, now: datetime, _: Policy) -> Reaction:
    """Gives it to a worker under a new attempt."""
    return Reaction(
        c._replace(
            status=Status.RUNNING,
            worker_id=event.worker_id,
            attempt=c.attempt + 1,
            wake_at=None,
            start_time=c.start_time or now,
        )
    )


def done(c: CommandEntity, event: ev.Done, now: datetime, policy: Policy) -> Reaction:
    """Takes what the verb returned to mean what it means in this phase."""
    value = () if event.value is None else (StoreValue(event.value),)
    match c.phase:
        case Phase.END:
            return with_effects(final(c, c.outcome or Outcome.SUCCEEDED, now), value)
        case Phase.COMPENSATE:
            return undone(c, now)
        case _ if c.parts and c.mode and not c.pending:
            if c.stopping:
                return judge(c, now, policy)
            return open_parts(
                c, now, policy
            )  # `validate` of a command whose plan was stored with it
        case _:
            if not c.stopping:
                c = c._replace(message=why_it_fails(c))  # why it had to wait is of no interest now
            return with_effects(settle(c, Outcome.SUCCEEDED, now, policy), value)


def expanded(c: CommandEntity, event: ev.Expanded, now: datetime, policy: Policy) -> Reaction:
    """Opens the parts that its plan has just been found to have."""
    grown = c._replace(mode=event.mode, parts=c.parts + event.parts)
    if c.stopping:
        return judge(grown, now, policy)
    return open_parts(grown, now, policy)


def suspended(c: CommandEntity, event: ev.Suspended, now: datetime, policy: Policy) -> Reaction:
    """Stores the async task before it is started."""
    if c.stopping and c.phase is Phase.EXECUTE:
        return judge(c, now, policy)
    phase = Phase.START if c.phase is Phase.EXECUTE else Phase.START_COMPENSATE
    waiting_for_it = c._replace(phase=phase, pending=c.pending + 1, tries=0)
    return Reaction(waiting_for_it, effects=(StoreTask(event.task, c.tries, event.retry_in),))


def started(c: CommandEntity, _: ev.Started, _now: datetime, _policy: Policy) -> Reaction:
    """Waits, at no cost, for the report of its end."""
    phase = Phase.EXECUTE if c.phase is Phase.START else Phase.COMPENSATE
    waiting = c._replace(status=Status.WAITING, phase=phase, worker_id=None, tries=0)
    # An undo goes on: that its tree is being stopped is why it was asked for.
    is_unwanted = c.stopping is not None and c.phase is Phase.START
    stop: tuple[AnyEffect, ...] = (Effect.STOP_TASK,) if is_unwanted else ()
    return Reaction(waiting, effects=(*stop, Effect.CHECK_TASK))


def failed(c: CommandEntity, event: ev.Failed, now: datetime, policy: Policy) -> Reaction:
    """Calls it again after a while, or takes the failure as final."""
    c = c._replace(message=event.error, tries=c.tries + 1)
    if event.retry_in is not None:
        return Reaction(delayed(c, event.retry_in, now))
    return give_up(c, now, policy, begun=event.begun, refused=event.refused)


def postponed(c: CommandEntity, event: ev.Postponed, now: datetime, _: Policy) -> Reaction:
    """A passing condition; nothing is concluded."""
    wanted = c.stopping is None or c.phase not in (Phase.EXECUTE, Phase.START)
    message = event.reason if wanted else c.message
    return Reaction(delayed(c._replace(message=message), event.again_in, now))


def abandoned(c: CommandEntity, _: ev.Abandoned, now: datetime, policy: Policy) -> Reaction:
    """Lets another worker have it; a command that outlives too many workers is given up."""
    deaths = c.deaths + 1
    c = c._replace(deaths=deaths, worker_id=None)
    if deaths >= policy.deaths:
        reason = f"given up: {deaths} workers died or fell silent while they ran its {c.phase}"
        c = c._replace(message=reason)
        return unknown(c, now, policy) if c.phase is Phase.EXECUTE else give_up(c, now, policy)
    if deaths > 1:
        wait = min(policy.death_delay * 2 ** (deaths - 2), policy.death_most)
        wait *= 0.5 + policy.random
        return Reaction(delayed(c._replace(message="its worker died"), wait, now))
    return Reaction(ready(c, now, policy))


def woken(c: CommandEntity, event: ev.Woken, now: datetime, policy: Policy) -> Reaction:
    """Launches it (again), each time with more patience."""
    if c.status is Status.DELAYED:
        return Reaction(ready(c, now, policy))
    nudges = c.nudges + 1
    most = event.most or policy.launch_most
    wait = min(policy.launch_grace * 2 ** min(nudges, 16), most)
    return Reaction(c._replace(nudges=nudges, wake_at=now + wait))


def no_worker(c: CommandEntity, event: ev.NoWorker, now: datetime, _: Policy) -> Reaction:
    """Sleeps, and says why, until somebody comes who knows its kind."""
    nudges = c.nudges + 1
    wait = min(event.first * 2 ** min(nudges, 16), event.most)
    return Reaction(delayed(c._replace(message=event.reason, nudges=nudges), wait, now))


def part_ended(c: CommandEntity, event: ev.PartEnded, now: datetime, policy: Policy) -> Reaction:
    """Counts the part; the last one opens the join."""
    c = c._replace(pending=c.pending - 1)
    letters: tuple[Letter, ...] = ()
    if event.outcome is not Outcome.SUCCEEDED:
        c = c._replace(outcome=worse(c.outcome, event.outcome), message=event.reason or c.message)
        if c.mode is Mode.SEQUENCE:  # what was attached to it stops it, as its plan does
            letters = (Letter(To.PENDING_PARTS, ev.Cancel()),)
    if c.pending or c.status is not Status.WAITING:
        return Reaction(c, letters)
    verdict = judge(c, now, policy, cause=event.part_id if event.follows else None)
    return replace(verdict, letters=(*letters, *verdict.letters))


def part_added(c: CommandEntity, _: ev.PartAdded, _now: datetime, _policy: Policy) -> Reaction:
    """Waits for one part more."""
    return Reaction(c._replace(parts=c.parts + 1, pending=c.pending + 1))


def task_ended(c: CommandEntity, event: ev.TaskEnded, now: datetime, policy: Policy) -> Reaction:
    """Takes the news of the end outside."""
    reason = event.reason or why_it_fails(c)
    c = c._replace(pending=c.pending - 1, message=reason, progress=None)
    if c.phase is Phase.COMPENSATE:
        if event.outcome is Outcome.SUCCEEDED:
            return undone(c, now)
        return Reaction(attention(c))
    if event.outcome is Outcome.FAILED and event.retry_in is not None and not c.pending:
        return Reaction(delayed(c._replace(tries=event.tries + 1), event.retry_in, now))
    value = () if event.value is None else (StoreValue(event.value),)
    return with_effects(settle(c, event.outcome, now, policy), value)


def task_silent(c: CommandEntity, event: ev.TaskSilent, _: datetime, __: Policy) -> Reaction:
    """Never assumes success: an unknown outcome is shown until somebody knows."""
    return Reaction(attention(c._replace(message=event.reason)))


def progressed(c: CommandEntity, event: ev.Progressed, _: datetime, __: Policy) -> Reaction:
    """Shows how far it is."""
    status = Status.WAITING if c.status is Status.NEEDS_ATTENTION else c.status
    progress = c.progress if event.progress is None else event.progress
    message = why_it_fails(c) or event.message
    return Reaction(c._replace(status=status, progress=progress, message=message))


def progressed_unlocked(
    c: CommandEntity, event: ev.Progressed, _: datetime, __: Policy
) -> Reaction:
    """Shows how far work outside is; the message goes on saying for whose lock it waits."""
    return Reaction(c if event.progress is None else c._replace(progress=event.progress))


def why_it_fails(c: CommandEntity) -> str | None:
    """Gives the reason that one of its parts has failed for, which no other news may hide."""
    return None if c.outcome in (None, Outcome.SUCCEEDED) else c.message


def undo(c: CommandEntity, event: ev.Undo, now: datetime, policy: Policy) -> Reaction:
    """Calls its own `compensate`, then undoes its parts; newest first."""
    c = c._replace(stopping=event.stopping)
    if c.verbs & Verbs.COMPENSATE:
        return Reaction(ready(c._replace(phase=Phase.COMPENSATE, tries=0, deaths=0), now, policy))
    if c.parts:
        return undo_parts(c, None)
    return pass_undo(c, event, now, policy)


def pass_undo(c: CommandEntity, event: ev.Undo, _now: datetime, _policy: Policy) -> Reaction:
    """There is nothing to undo here; the word goes to whoever came before."""
    return Reaction(left_as_it_is(c), (undo_goes_on(c, event),))


def part_undone(c: CommandEntity, _: ev.PartUndone, now: datetime, policy: Policy) -> Reaction:
    """The last part undone lets it end, or be undone as a whole."""
    c = c._replace(pending=c.pending - 1)
    if c.pending:
        return Reaction(c)
    if c.outcome is Outcome.SUCCEEDED and c.kind == EXTERNAL_KIND:
        # What was added below it is undone; its own work is not, for its vendor does not undo.
        as_before = c._replace(status=Status.SUCCEEDED, phase=Phase.EXECUTE)
        return pass_undo(as_before, ev.Undo(c.stopping), now, policy)
    if c.outcome is Outcome.SUCCEEDED:
        return compensated(c, now)
    return finish(c, c.outcome or Outcome.FAILED, now, policy)


def left_as_it_is(c: CommandEntity) -> CommandEntity:
    """Says in words that a vendor's work was not undone, where nobody can ask for it."""
    if c.kind != EXTERNAL_KIND or c.status is not Status.SUCCEEDED:
        return c
    return c._replace(message="not undone: its vendor did not say that it can undo")
