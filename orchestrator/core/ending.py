"""How a command comes to its end: judged, undone, ended; and the words that its neighbours hear of it.

The moves of the machine are made of these. Like them, each looks at one command only.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.reaction import Effect, Letter, Policy, Reaction, To
from orchestrator.core.status import Mode, Outcome, Phase, Status, Verbs

DUE = (Status.BLOCKED, Status.READY, Status.DELAYED)
FINAL_STATUS = {
    Outcome.SUCCEEDED: Status.SUCCEEDED,
    Outcome.FAILED: Status.FAILED,
    Outcome.STOPPED: Status.STOPPED,
}


def settle(c: CommandEntity, outcome: Outcome, now: datetime, policy: Policy) -> Reaction:
    """Its own work is over; its parts may not be."""
    if outcome is not Outcome.SUCCEEDED:
        c = c._replace(outcome=worse(c.outcome, c.stopping or outcome))
    if c.pending:
        return Reaction(c._replace(status=Status.WAITING, worker_id=None, wake_at=None))
    own_success = outcome is Outcome.SUCCEEDED and not c.parts
    return judge(c, now, policy, ignore_stop=own_success)


def judge(
    c: CommandEntity,
    now: datetime,
    policy: Policy,
    *,
    cause: str | None = None,
    ignore_stop: bool = False,
) -> Reaction:
    """Everything it waited for has ended: undo, end, or be done.

    `cause` is the part that ended last: undoing starts there. A stop that came too late, when the work was
    done already, is ignored.
    """
    stop = None if ignore_stop else c.stopping
    outcome = stop or c.outcome or Outcome.SUCCEEDED
    c = c._replace(outcome=outcome, wake_at=None, tries=0)
    if outcome is Outcome.SUCCEEDED or not c.parts or not c.start_time:
        return finish(c, outcome, now, policy)
    if has_opened(c):
        return undo_parts(c, cause)
    over = finish(c, outcome, now, policy)
    return replace(over, letters=(*calls_off(c), *over.letters))


def has_opened(c: CommandEntity) -> bool:
    """Tells whether its parts had their turn: with parts of a plan, it executes only until it opens them."""
    return c.mode is None or c.phase is not Phase.EXECUTE or c.status is Status.WAITING


def calls_off(c: CommandEntity) -> tuple[Letter, ...]:
    """Tells its parts that their turn will not come."""
    return (Letter(To.PENDING_PARTS, ev.Cancel()),) if c.parts else ()


def finish(c: CommandEntity, outcome: Outcome, now: datetime, policy: Policy) -> Reaction:
    """Calls `end`, if there is one."""
    if c.verbs & Verbs.END:
        return Reaction(ready(c._replace(phase=Phase.END, tries=0, deaths=0), now, policy))
    return final(c, outcome, now)


def final(c: CommandEntity, outcome: Outcome, now: datetime) -> Reaction:
    """Final status, lock release and the word to the neighbours: one transaction."""
    ended = c._replace(
        status=FINAL_STATUS[outcome],
        outcome=outcome,
        worker_id=None,
        wake_at=None,
        end_time=now,
        progress=1.0 if outcome is Outcome.SUCCEEDED else c.progress,
        start_time=c.start_time,
    )
    letters = () if c.is_root else (turn_goes_on(ended, outcome),)
    return Reaction(ended, letters, (Effect.RELEASE_LOCKS,) if c.locks else ())


def turn_goes_on(c: CommandEntity, outcome: Outcome) -> Letter:
    """Tells the next in the sequence, or the parent, that this one is over."""
    counts_as = Outcome.SUCCEEDED if c.best_effort else outcome
    if c.in_sequence and c.next_id and counts_as is Outcome.SUCCEEDED:
        return Letter(To.NEXT, ev.Begin())
    reason = None if counts_as is Outcome.SUCCEEDED else f"{c.label}: {c.message or outcome.value}"
    attached = c.order < 0
    return Letter(
        To.PARENT, ev.PartEnded(c.command_id, counts_as, follows=not attached, reason=reason)
    )


def unknown(c: CommandEntity, now: datetime, policy: Policy) -> Reaction:
    """Nobody knows whether its `execute` was done: a person finds out, unless its class says that it was not.

    What nobody knows is one of the things that it waits for, like a task that is lost.
    """
    if c.verbs & Verbs.EXECUTE and not c.verbs & Verbs.UNKNOWN_FAILS:
        return Reaction(attention(c._replace(pending=c.pending + 1)))
    return settle(c, Outcome.FAILED, now, policy)


def give_up(
    c: CommandEntity,
    now: datetime,
    policy: Policy,
    *,
    begun: bool = True,
    refused: bool = False,
) -> Reaction:
    """Its verb will not be called again. A start that was surely refused has failed; any other is unknown."""
    match c.phase:
        case Phase.EXECUTE if not begun:
            over = final(c, c.stopping or Outcome.FAILED, now)
            return replace(over, letters=(*calls_off(c), *over.letters))
        case Phase.EXECUTE:
            return settle(c, Outcome.FAILED, now, policy)
        case Phase.START if not refused and not c.verbs & Verbs.UNKNOWN_FAILS:
            return Reaction(attention(c._replace(phase=Phase.EXECUTE)))  # news may yet come of it
        case Phase.START:
            back = c._replace(phase=Phase.EXECUTE, pending=c.pending - 1)
            return with_effects(settle(back, Outcome.FAILED, now, policy), (Effect.DROP_TASK,))
        case Phase.START_COMPENSATE:
            back = c._replace(phase=Phase.COMPENSATE, pending=c.pending - 1)
            return Reaction(attention(back), effects=(Effect.DROP_TASK,))
        case _:
            return Reaction(attention(c))


def heed_stop(reaction: Reaction, event: ev.Event, now: datetime, policy: Policy) -> Reaction:
    """Asks, of every way back to a status in which a verb is due, whether the command is being stopped or is late.

    Then its work is not begun (again): it ends. What must be called to find out or to clean up (a start, an end,
    an undo) is called again, for only the outside can tell; but not for ever.
    """
    c = reaction.command
    if c.stopping is None or c.status not in DUE:
        return reaction
    match event:
        case ev.Abandoned() if c.phase is Phase.EXECUTE:
            over = unknown(c, now, policy)
        case _ if c.phase is Phase.EXECUTE:
            over = settle(c, c.stopping, now, policy)
        case ev.Postponed(untouched=True) if c.phase is Phase.START:
            back = c._replace(phase=Phase.EXECUTE, pending=c.pending - 1, wake_at=None)
            over = with_effects(settle(back, c.stopping, now, policy), (Effect.DROP_TASK,))
        case ev.Postponed(own=False):
            over = _ask_again(c, event, now, policy)
        case _:
            return reaction  # failures and deaths are counted where they are, and launches call nothing
    return Reaction(
        over.command,
        (*reaction.letters, *over.letters),
        (*reaction.effects, *over.effects),
    )


def _ask_again(c: CommandEntity, event: ev.Postponed, now: datetime, policy: Policy) -> Reaction:
    """Counts how often a verb has said "not yet" since nobody wants to wait for it any more."""
    most = policy.stop_tries if c.phase is Phase.START else policy.end_tries
    c = c._replace(tries=c.tries + 1)
    if c.tries < most:
        return Reaction(delayed(c, min(event.again_in, policy.stop_wait), now))
    what = "whether it was started" if c.phase is Phase.START else f"how its {c.phase} comes out"
    reason = f"{c.message}; {what} is unknown: {event.reason}"
    return give_up(c._replace(message=reason, wake_at=None), now, policy)


def worse(one: Outcome | None, other: Outcome) -> Outcome:
    """A failure outweighs a stop, and either outweighs success."""
    if Outcome.FAILED in (one, other):
        return Outcome.FAILED
    return Outcome.STOPPED if Outcome.STOPPED in (one, other) else Outcome.SUCCEEDED


def undo_parts(c: CommandEntity, cause: str | None) -> Reaction:
    """Sends the word to undo: to the newest part of a sequence, to all of those side by side."""
    in_sequence = c.mode is Mode.SEQUENCE
    undoing = c._replace(
        status=Status.WAITING,
        phase=Phase.UNDO_PARTS,
        worker_id=None,
        wake_at=None,
        pending=1 if in_sequence else c.parts,
    )
    newest = cause or To.LAST_PART
    undo = ev.Undo(c.stopping)
    return Reaction(undoing, (Letter(newest if in_sequence else To.PARTS, undo),))


def undone(c: CommandEntity, now: datetime) -> Reaction:
    """Its own effect is undone; its parts follow."""
    if c.parts:
        return undo_parts(c._replace(pending=0), None)
    return compensated(c, now)


def compensated(c: CommandEntity, now: datetime) -> Reaction:
    """All that it did is undone."""
    over = c._replace(status=Status.COMPENSATED, worker_id=None, wake_at=None, end_time=now)
    return Reaction(over, () if c.is_root else (undo_goes_on(over, ev.Undo(c.stopping)),))


def undo_goes_on(c: CommandEntity, undo: ev.Undo) -> Letter:
    """Tells the one before in the sequence, or the parent, that this one is undone."""
    if c.in_sequence and c.order > 0:
        return Letter(To.PREVIOUS, undo)
    return Letter(To.PARENT, ev.PartUndone())


def ready(c: CommandEntity, now: datetime, policy: Policy) -> CommandEntity:
    """Gives the command as ready; should its nudge get lost, it is launched again at `wake_at`."""
    return c._replace(
        status=Status.READY, worker_id=None, nudges=0, wake_at=now + policy.launch_grace
    )


def delayed(c: CommandEntity, wait: timedelta, now: datetime) -> CommandEntity:
    """Gives the command as sleeping until a time."""
    return c._replace(status=Status.DELAYED, worker_id=None, wake_at=now + wait)


def attention(c: CommandEntity) -> CommandEntity:
    """Gives the command as one that only a person can settle."""
    return c._replace(status=Status.NEEDS_ATTENTION, worker_id=None, wake_at=None)


def with_effects(reaction: Reaction, effects: tuple[Any, ...]) -> Reaction:
    """Adds effects to a reaction."""
    if not effects:
        return reaction
    return replace(reaction, effects=(*effects, *reaction.effects))
