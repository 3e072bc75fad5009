"""What can happen to a command. The machine answers each with a reaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.status import Mode, Outcome


@dataclass(frozen=True, slots=True)
class Begin:
    """Its turn has come."""


@dataclass(frozen=True, slots=True)
class LocksGranted:
    """It holds all locks that it asked for."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker takes it."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """Its verb returned."""

    attempt: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """Its `plan` was called, and the parts are stored in this same transaction."""

    attempt: int
    mode: Mode
    parts: int


@dataclass(frozen=True, slots=True)
class Suspended:
    """Its verb returned an async task, which is stored as a placeholder in this same transaction."""

    attempt: int
    task: AsyncTask[Any]
    retry_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The outside system has taken its async task."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Its verb raised, ran past its timeout, or could not be called.

    `retry_in` is None when it shall not be called again; `begun` is False when `validate` said no, so there
    is nothing to end; `refused` tells that what was asked for was surely not done.
    """

    attempt: int
    error: str
    retry_in: timedelta | None = None
    begun: bool = True
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing is concluded; ask again later, at no cost in tries.

    `own` says that the reason is ours (the database is away, this worker cannot read the row): no answer of the
    verb, so nothing is counted, even where the command is being stopped. `untouched` says of a start that nothing
    of it, nor of an earlier one, has reached the system.
    """

    attempt: int
    reason: str
    again_in: timedelta
    own: bool = False
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Its worker died or lost its lease."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class Woken:
    """Its `wake_at` has passed. `most` bounds how long the next nudge is waited for."""

    most: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NoWorker:
    """No worker that is alive knows its kind; `most` bounds how long until it is looked at again."""

    reason: str
    first: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class PartEnded:
    """A part, or the last of a run of parts, has ended."""

    part_id: str
    outcome: Outcome
    follows: bool = True  # False: it was attached later and stands beside the plan
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PartAdded:
    """A part was attached to it from outside, in this same transaction."""


@dataclass(frozen=True, slots=True)
class Undo:
    """A later part failed: undo what it did, and pass the word to the one before it.

    `stopping` says that the whole is being stopped or is late, so that no undo is asked for ever.
    """

    stopping: Outcome | None = None


@dataclass(frozen=True, slots=True)
class PartUndone:
    """Its parts, or one of them, have been undone."""


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The async task that it waits for has ended outside.

    `retry_in` says when a failed one is begun anew; `tries` how often that was needed before.
    """

    outcome: Outcome
    value: Any = None
    reason: str | None = None
    retry_in: timedelta | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class TaskSilent:
    """Nobody can say how its async task fares."""

    reason: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """Its async task has moved on."""

    progress: float | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """An earlier part failed, so its turn will not come."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop it; `outcome` is what it comes to: stopped, or failed when a deadline has passed.

    `passed_on` says that the order was given to what it is part of.
    """

    outcome: Outcome
    reason: str
    passed_on: bool = False

    @property
    def settles(self) -> bool:
        """Whether a person looked at this very command, and gave it up."""
        return self.outcome is Outcome.STOPPED and not self.passed_on


@dataclass(frozen=True, slots=True)
class Skip:
    """An operator says: go on without it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Restart:
    """An operator says: do again what was not done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Its parent was restarted: stand as on the first day."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """An operator knows how it came out."""

    outcome: Outcome
    reason: str
    value: Any = None


Event: TypeAlias = (
    Begin
    | LocksGranted
    | Claim
    | Done
    | Expanded
    | Suspended
    | Started
    | Failed
    | Postponed
    | Abandoned
    | Woken
    | NoWorker
    | PartEnded
    | PartAdded
    | Undo
    | PartUndone
    | TaskEnded
    | TaskSilent
    | Progressed
    | Cancel
    | Stop
    | Skip
    | Restart
    | Reset
    | Resolve
)
