"""Where a command stands: its status, the phase it is in, and the outcome that `end` is told."""

from __future__ import annotations

from enum import IntFlag, StrEnum


class Status(StrEnum):
    """Where a command stands. Operators see these words."""

    PENDING = "pending"  # stored; its turn has not come
    BLOCKED = "blocked"  # waits for a lock
    READY = "ready"  # a worker may claim it
    RUNNING = "running"  # a worker calls its verb
    WAITING = "waiting"  # for its parts, or for work outside; holds no worker
    DELAYED = "delayed"  # until a time: retry back-off, a passing condition, a worker that knows it
    NEEDS_ATTENTION = "needs_attention"  # the outcome is unknown, or an end or undo cannot be done
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"  # never begun: an earlier part failed, or an operator said so
    COMPENSATED = "compensated"  # had succeeded, and was undone because a later part failed

    @property
    def is_final(self) -> bool:
        """Whether the command has ended. (A part that succeeded may yet be undone by its parent.)"""
        return self in FINAL


FINAL = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.SKIPPED, Status.COMPENSATED}
)


class Phase(StrEnum):
    """What a command is at: which verb is due or in force."""

    EXECUTE = "execute"  # validate, then plan or execute; and the wait for what they began
    START = "start"  # the async task that `execute` returned is stored, and is to be started
    UNDO_PARTS = "undo_parts"  # its parts are being undone, newest first
    END = "end"
    COMPENSATE = "compensate"  # its own undo
    START_COMPENSATE = (
        "start_compensate"  # the async task that `compensate` returned is to be started
    )


class Outcome(StrEnum):
    """How a command came out: what `end` is told."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


class Mode(StrEnum):
    """How the parts of a command follow each other."""

    SEQUENCE = "sequence"
    PARALLEL = "parallel"


class Verbs(IntFlag):
    """Which verbs a command's class defines, remembered beside the row so that the machine need not ask."""

    NONE = 0
    VALIDATE = 1
    PLAN = 2  # the plan needs a worker: it asks for something
    EXECUTE = 4
    END = 8
    COMPENSATE = 16
    UNKNOWN_FAILS = 32  # not a verb: that `execute` may be taken as not done, where nobody knows


class TaskState(StrEnum):
    """What *we* are at with an async task (the outside status is `TaskStatus`)."""

    INITIALIZING = "Initializing"  # stored, not known to be started
    POLLING = "Polling"
    ENDED = "Ended"
    ATTEMPTING_END_ACTION = "AttemptingEndAction"
    CLEAR_FAILED = "ClearFailed"
    CLEARED = "Cleared"
