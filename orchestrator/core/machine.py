"""The machine: a table of what may happen to a command in each status, and one function to ask it.

The picture of the states in the documentation is drawn from this table, the event log is checked against it,
and an event that the table does not list for a status is answered with `Impossible`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from orchestrator.core import event as ev
from orchestrator.core import interventions as op
from orchestrator.core import moves
from orchestrator.core.ending import heed_stop
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError, UnreadableRowError
from orchestrator.core.reaction import Policy, Reaction
from orchestrator.core.status import Phase, Status

Move: TypeAlias = Callable[[CommandEntity, Any, datetime, Policy], Reaction]

PENDING, BLOCKED, READY = Status.PENDING, Status.BLOCKED, Status.READY
RUNNING, WAITING, DELAYED = Status.RUNNING, Status.WAITING, Status.DELAYED
ATTENTION, SUCCEEDED, FAILED = Status.NEEDS_ATTENTION, Status.SUCCEEDED, Status.FAILED
STOPPED, SKIPPED, COMPENSATED = Status.STOPPED, Status.SKIPPED, Status.COMPENSATED

ENDS = (SUCCEEDED, FAILED, STOPPED)
JUDGED = (READY, WAITING, *ENDS)  # to `end`, to its parts' undoing, or over


@dataclass(frozen=True, slots=True)
class Row:
    """In one of these statuses this event leads, by this move, to one of those statuses."""

    given: tuple[Status, ...]
    event: type[ev.Event]
    move: Move
    to: tuple[Status, ...]


TABLE: tuple[Row, ...] = (
    # its turn
    Row((PENDING,), ev.Begin, moves.begin, (BLOCKED, READY, WAITING, SUCCEEDED)),
    Row((SUCCEEDED, SKIPPED), ev.Begin, moves.pass_turn, (SUCCEEDED, SKIPPED)),
    Row((STOPPED,), ev.Begin, moves.refuse_turn, (STOPPED,)),
    Row((BLOCKED,), ev.LocksGranted, moves.start, JUDGED),
    # at work
    Row((READY,), ev.Claim, moves.claim, (RUNNING,)),
    Row((RUNNING,), ev.Done, moves.done, (*JUDGED, COMPENSATED)),
    Row((RUNNING,), ev.Expanded, moves.expanded, JUDGED),
    Row((RUNNING,), ev.Suspended, moves.suspended, (RUNNING, *JUDGED)),
    Row((RUNNING,), ev.Started, moves.started, (WAITING,)),
    Row((RUNNING,), ev.Failed, moves.failed, (DELAYED, ATTENTION, *JUDGED)),
    Row((RUNNING,), ev.Postponed, moves.postponed, (DELAYED, ATTENTION, *JUDGED)),
    Row((RUNNING,), ev.Abandoned, moves.abandoned, (DELAYED, ATTENTION, *JUDGED)),
    Row((READY, DELAYED), ev.Woken, moves.woken, JUDGED),
    Row((READY, DELAYED), ev.NoWorker, moves.no_worker, (DELAYED, *JUDGED)),
    # what it waits for
    Row((WAITING, ATTENTION, RUNNING, READY, DELAYED), ev.PartEnded, moves.part_ended,
        (RUNNING, DELAYED, ATTENTION, *JUDGED)),
    Row((WAITING,), ev.PartAdded, moves.part_added, (WAITING,)),
    Row((WAITING, ATTENTION), ev.TaskEnded, moves.task_ended,
        (ATTENTION, DELAYED, COMPENSATED, *JUDGED)),
    Row((WAITING, ATTENTION), ev.TaskSilent, moves.task_silent, (ATTENTION,)),
    Row((WAITING, ATTENTION), ev.Progressed, moves.progressed, (WAITING,)),
    # what was begun outside goes on, whether it has its locks or not
    Row((BLOCKED,), ev.TaskEnded, moves.task_ended, (DELAYED, COMPENSATED, ATTENTION, *JUDGED)),
    Row((BLOCKED,), ev.Progressed, moves.progressed_unlocked, (BLOCKED, *JUDGED)),
    # undoing
    Row((SUCCEEDED,), ev.Undo, moves.undo, (READY, WAITING, SUCCEEDED)),
    Row((FAILED, STOPPED, SKIPPED, COMPENSATED), ev.Undo, moves.pass_undo,
        (FAILED, STOPPED, SKIPPED, COMPENSATED)),
    Row((PENDING,), ev.Undo, op.undo_unbegun, (SKIPPED,)),
    Row((WAITING,), ev.PartUndone, moves.part_undone, (COMPENSATED, *JUDGED)),
    # interventions
    Row((PENDING,), ev.Cancel, op.cancel, (SKIPPED,)),
    Row((PENDING,), ev.Stop, op.stop_unbegun, (STOPPED,)),
    Row((BLOCKED, READY, DELAYED), ev.Stop, op.stop_due, (BLOCKED, DELAYED, *JUDGED)),
    Row((RUNNING,), ev.Stop, op.stop_running, (RUNNING,)),
    Row((WAITING,), ev.Stop, op.stop_waiting, (WAITING,)),
    Row((ATTENTION,), ev.Stop, op.stop_lost, (ATTENTION, *JUDGED)),
    Row((SUCCEEDED, FAILED, STOPPED, SKIPPED, COMPENSATED), ev.Stop, op.ignore,
        (SUCCEEDED, FAILED, STOPPED, SKIPPED, COMPENSATED)),
    Row((PENDING,), ev.Skip, op.skip_unbegun, (SKIPPED,)),
    Row((BLOCKED, READY, DELAYED, ATTENTION), ev.Skip, op.skip_due,
        (SKIPPED, WAITING, COMPENSATED, *ENDS)),
    Row((ATTENTION,), ev.Restart, op.restart_stuck, (READY,)),
    Row((FAILED, STOPPED), ev.Restart, op.restart_ended, (BLOCKED, READY, WAITING, SUCCEEDED)),
    Row((FAILED, STOPPED, SKIPPED, COMPENSATED, SUCCEEDED, PENDING), ev.Reset, op.reset, (PENDING,)),
    Row((ATTENTION,), ev.Resolve, op.resolve, (ATTENTION, COMPENSATED, *JUDGED)),
    Row((RUNNING,), ev.Resolve, op.resolve_running, (ATTENTION, COMPENSATED, *JUDGED)),
)  # fmt: skip

_MOVES: dict[tuple[Status, type[ev.Event]], Row] = {
    (status, row.event): row for row in TABLE for status in row.given
}
STEPS: frozenset[tuple[Status, Status]] = frozenset(
    (given, to) for row in TABLE for given in row.given for to in row.to if given is not to
)
"""Every step from status to status that can be; what the event log is checked against."""


class Impossible(ConflictError):  # noqa: N818 - it names what the event was
    """The table has no such event for a command in this status."""


def react(command: CommandEntity, event: ev.Event, now: datetime, policy: Policy) -> Reaction:
    """Gives the command's answer to the event.

    Raises Impossible when the event cannot happen to a command in its status, and UnreadableRowError for one that
    could not be read as it is stored.
    """
    if command.unreadable is not None:
        raise UnreadableRowError(
            f"command {command.command_id} is left alone: {command.unreadable}; mend the row in the database"
        )
    row = _MOVES.get((command.status, type(event)))
    if row is None:
        raise Impossible(
            f"command {command.command_id} ({command.kind}) is {command.status};"
            f" {type(event).__name__.lower()} does not apply to it"
        )
    reaction = row.move(command, event, now, policy)
    if reaction.command.stopping is not None:
        reaction = heed_stop(reaction, event, now, policy)
    if reaction.command.status not in row.to:
        raise AssertionError(
            f"{row.move.__name__} took {command.kind} from {command.status} to"
            f" {reaction.command.status}, which the table does not allow"
        )
    return reaction


def is_fenced(command: CommandEntity, event: ev.Event) -> bool:
    """Tells whether a worker speaks that has lost its claim, or says a thing again: its words are dropped."""
    match event:
        case ev.Suspended() if command.phase in (Phase.START, Phase.START_COMPENSATE):
            return True  # the claim outlives the event: the answer to its commit was lost
        case (
            ev.Done() | ev.Expanded() | ev.Suspended() | ev.Started() | ev.Failed() | ev.Postponed()
        ):
            return command.status is not RUNNING or event.attempt != command.attempt
        case ev.Abandoned():
            return command.status is not RUNNING or event.worker_id != command.worker_id
        case _:
            return False
