"""The moves that an operator causes: stop, skip, restart, resolve; and what they mean for the parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.core import event as ev
from orchestrator.core.ending import (
    attention,
    final,
    give_up,
    ready,
    settle,
    undo_goes_on,
    undo_parts,
    undone,
    with_effects,
)
from orchestrator.core.entity import CommandEntity
from orchestrator.core.moves import begin
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.reaction import Effect, Letter, Policy, Reaction, StoreValue, To
from orchestrator.core.status import Outcome, Phase, Status, Verbs


def cancel(c: CommandEntity, _: ev.Cancel, now: datetime, __: Policy) -> Reaction:
    """Its turn will not come, nor that of its parts."""
    skipped = c._replace(status=Status.SKIPPED, end_time=now)
    return Reaction(skipped, _to_parts_of(c, To.PENDING_PARTS, ev.Cancel()))


def undo_unbegun(c: CommandEntity, event: ev.Undo, now: datetime, policy: Policy) -> Reaction:
    """Its parent was given up before it opened its parts: the word goes on, its own turn will not come."""
    skipped = cancel(c, ev.Cancel(), now, policy)
    return replace(skipped, letters=(*skipped.letters, undo_goes_on(c, event)))


def stop_unbegun(c: CommandEntity, event: ev.Stop, now: datetime, _: Policy) -> Reaction:
    """Nothing of it has begun, so nothing is to be ended; its parent hears of it when its turn comes."""
    stopped = c._replace(status=Status.STOPPED, message=event.reason, end_time=now)
    return Reaction(stopped, _to_parts_of(c, To.PENDING_PARTS, event))


def stop_due(c: CommandEntity, event: ev.Stop, now: datetime, policy: Policy) -> Reaction:
    """It is due or sleeps; no worker has it."""
    if c.phase not in (Phase.EXECUTE, Phase.START):
        return Reaction(hurried(c, event))
    if c.phase is Phase.START and c.stopping is not None:
        return Reaction(c)
    marked = c._replace(stopping=event.outcome, message=event.reason)
    if c.status is Status.BLOCKED and c.kind == OUTSIDE_KIND:
        # It was begun outside without our lock, and needs none to be stopped there.
        waiting = marked._replace(status=Status.WAITING, start_time=c.start_time or now)
        return Reaction(waiting, effects=(Effect.RELEASE_LOCKS, Effect.STOP_TASK))
    if c.phase is Phase.START:
        # It may have started outside: only the start, asked again and at once, can tell.
        asked = ready(marked, now, policy) if c.status is Status.DELAYED else marked
        return Reaction(asked._replace(tries=0))
    if c.start_time is None:
        over = final(marked, event.outcome, now)
        letters = (*_to_parts_of(c, To.PENDING_PARTS, ev.Cancel()), *over.letters)
        return replace(over, letters=letters)
    verdict = settle(marked, event.outcome, now, policy)  # parts that were added to it may go on
    if not c.pending:
        return verdict
    return replace(verdict, letters=(*_to_live_parts(c, event), *verdict.letters))


def hurried(c: CommandEntity, event: ev.Stop) -> CommandEntity:
    """What is being ended or undone is not stopped halfway; it is marked, so that it is not waited for for ever."""
    return c if c.stopping is not None else c._replace(stopping=event.outcome)


def stop_running(c: CommandEntity, event: ev.Stop, _: datetime, __: Policy) -> Reaction:
    """A worker is in its verb: what the verb has to say is awaited."""
    if c.phase not in (Phase.EXECUTE, Phase.START):
        return Reaction(hurried(c, event))
    if c.stopping is not None:
        return Reaction(c, _to_live_parts(c, event))
    tries = 0 if c.phase is Phase.START else c.tries
    marked = c._replace(stopping=event.outcome, message=event.reason, tries=tries)
    return Reaction(marked, _to_live_parts(c, event))


def stop_waiting(c: CommandEntity, event: ev.Stop, _: datetime, __: Policy) -> Reaction:
    """Stops what it waits for; it ends when that has ended."""
    if c.phase is not Phase.EXECUTE:
        return Reaction(hurried(c, event), _to_live_parts(c, event))
    marked = c._replace(stopping=event.outcome, message=event.reason)
    return Reaction(marked, _to_live_parts(c, event), (Effect.STOP_TASK,))


def stop_lost(c: CommandEntity, event: ev.Stop, now: datetime, policy: Policy) -> Reaction:
    """Nobody knows how it fares outside: that stays so until somebody says, unless a person gives this very one up."""
    if c.phase is not Phase.EXECUTE:
        return Reaction(hurried(c, event), _to_live_parts(c, event))
    if not event.settles:
        reason = c.message if c.stopping else "; ".join(filter(None, (c.message, event.reason)))
        marked = c._replace(stopping=c.stopping or event.outcome, message=reason)
        return Reaction(marked, _to_live_parts(c, event), (Effect.STOP_TASK,))
    marked = c._replace(stopping=event.outcome, message=event.reason, pending=c.pending - 1)
    verdict = settle(marked, event.outcome, now, policy)
    letters = (*_to_live_parts(c, event), *verdict.letters)
    stop = (Effect.STOP_TASK,) if c.kind == OUTSIDE_KIND else ()  # ours is stopped as it is dropped
    return with_effects(replace(verdict, letters=letters), (*stop, Effect.DROP_TASK))


def skip_unbegun(c: CommandEntity, event: ev.Skip, now: datetime, _: Policy) -> Reaction:
    """When its turn comes, the turn goes on to the next."""
    skipped = c._replace(status=Status.SKIPPED, message=event.reason, end_time=now)
    return Reaction(skipped, _to_parts_of(c, To.PENDING_PARTS, ev.Cancel()))


def skip_due(c: CommandEntity, event: ev.Skip, now: datetime, policy: Policy) -> Reaction:
    """The sequence goes on without it; an end or undo that was due is left out."""
    c = c._replace(message=event.reason)
    match c.phase:
        case Phase.COMPENSATE | Phase.START_COMPENSATE:
            return with_effects(undone(c._replace(pending=0), now), (Effect.DROP_TASK,))
        case Phase.END:
            return final(c, c.outcome or Outcome.SUCCEEDED, now)
        case _:
            over = final(c._replace(pending=0), Outcome.SUCCEEDED, now)
            parts = _to_parts_of(c, To.PENDING_PARTS, ev.Cancel())
            skipped = over.command._replace(status=Status.SKIPPED, progress=c.progress)
            return Reaction(skipped, (*parts, *over.letters), (Effect.DROP_TASK, *over.effects))


def restart_stuck(c: CommandEntity, event: ev.Restart, now: datetime, policy: Policy) -> Reaction:
    """Calls again the verb that got stuck; a lost task is given up and begun anew."""
    fresh = c._replace(message=event.reason, tries=0, deaths=0)
    if c.phase is Phase.EXECUTE:  # a stop that came before is called off by this order
        again = ready(fresh._replace(pending=c.pending - 1, stopping=None), now, policy)
        return Reaction(again, effects=(Effect.DROP_TASK,))
    return Reaction(ready(fresh, now, policy))


def restart_ended(c: CommandEntity, event: ev.Restart, now: datetime, policy: Policy) -> Reaction:
    """Begins a root anew: what was done and not undone stays done."""
    fresh = begin(_fresh(c)._replace(message=event.reason), ev.Begin(), now, policy)
    dropped = (Effect.DROP_PARTS,) if c.verbs & Verbs.PLAN else ()
    return with_effects(
        replace(fresh, command=fresh.command._replace(message=event.reason)), dropped
    )


def reset(c: CommandEntity, _: ev.Reset, __: datetime, ___: Policy) -> Reaction:
    """Stands as on the first day, with its parts."""
    effects = (Effect.DROP_PARTS,) if c.verbs & Verbs.PLAN else ()
    return Reaction(_fresh(c), _to_parts_of(c, To.PARTS, ev.Reset()), effects)


def resolve(c: CommandEntity, event: ev.Resolve, now: datetime, policy: Policy) -> Reaction:
    """Takes the operator's word for how it came out."""
    c = c._replace(message=event.reason)
    value = () if event.value is None else (StoreValue(event.value),)
    match c.phase:
        case Phase.EXECUTE:
            verdict = settle(c._replace(pending=c.pending - 1), event.outcome, now, policy)
            return with_effects(verdict, (Effect.DROP_TASK, *value))
        case Phase.END if event.outcome is not Outcome.SUCCEEDED and _holds(c):
            # Its parts had succeeded, and it has not: they are undone, and `end` hears of the new outcome.
            return with_effects(undo_parts(c._replace(outcome=event.outcome, tries=0), None), value)
        case Phase.END:
            return with_effects(final(c, event.outcome, now), value)
        case _ if event.outcome is Outcome.SUCCEEDED:
            return with_effects(undone(c._replace(pending=0), now), (Effect.DROP_TASK,))
        case _:
            return Reaction(attention(c))


def resolve_running(c: CommandEntity, event: ev.Resolve, now: datetime, policy: Policy) -> Reaction:
    """Takes an operator's word in place of a verb that does not come back; what that says later is ignored."""
    match c.phase:
        case Phase.EXECUTE:  # what its worker is at counts for one, like a task that is lost
            return resolve(c._replace(pending=c.pending + 1), event, now, policy)
        case Phase.START:
            return resolve(c._replace(phase=Phase.EXECUTE), event, now, policy)
        case Phase.START_COMPENSATE if event.outcome is not Outcome.SUCCEEDED:
            return give_up(c._replace(message=event.reason), now, policy)
        case _:
            return resolve(c, event, now, policy)


def _holds(c: CommandEntity) -> bool:
    """Tells whether it has parts whose effects still stand."""
    return bool(c.parts) and c.outcome is Outcome.SUCCEEDED


def ignore(c: CommandEntity, _: ev.Event, __: datetime, ___: Policy) -> Reaction:
    """It does not concern a command in this status."""
    return Reaction(c)


def _fresh(c: CommandEntity) -> CommandEntity:
    dynamic = bool(c.verbs & Verbs.PLAN)
    return c._replace(
        status=Status.PENDING,
        phase=Phase.EXECUTE,
        mode=None if dynamic else c.mode,
        parts=0 if dynamic else c.parts,
        pending=0,
        outcome=None,
        stopping=None,
        tries=0,
        deaths=0,
        nudges=0,
        progress=None,
        message=None,
        wake_at=None,
        start_time=None,
        end_time=None,
        restarts=c.restarts + 1,
    )


def _to_live_parts(c: CommandEntity, event: ev.Stop) -> tuple[Letter, ...]:
    return _to_parts_of(c, To.LIVE_PARTS, replace(event, passed_on=True))


def _to_parts_of(c: CommandEntity, to: To, event: ev.Event) -> tuple[Letter, ...]:
    return (Letter(to, event),) if c.parts else ()
