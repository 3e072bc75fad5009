"""What is stored: command entities, their places in sequences, async tasks, transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from orchestrator.core.asynctask import AsyncTask, AsyncTaskRef, TaskStatus
from orchestrator.core.locks import Lock
from orchestrator.core.status import Mode, Outcome, Phase, Status, TaskState, Verbs

HEARD_AT = "heard_at"
"""When its vendor was last heard of, in the detail of an external task."""


CLAIMS, CLAIMED_BY, CLAIM_S = "claims", "claimed_by", "claim_s"
UNTOUCHED = "untouched_at"
"""Which program of a vendor has taken an external task, the how manieth that is, and for how long each time."""


class CommandEntity(NamedTuple):
    """A stored command without its JSON: all that the machine looks at, and what lists show.

    A named tuple, not a dataclass: the machine changes commands several times a step, and a changed copy of so
    many fields is made seven times as fast.

    `attempt` is the fencing token: it grows with every claim, and what a worker says under an older one
    is ignored. `pending` counts what the command still waits for: parts, and its own work outside.
    `wake_at` is when somebody must look at it again; None means never by itself. `stuck` counts, at a root,
    the commands of its tree that need attention, itself included. `unreadable` says why its row
    cannot be read: it is shown as one that needs attention, and nothing can happen to it until that is mended.
    """

    command_id: str
    root_id: str
    parent_id: str | None
    kind: str
    version: int
    label: str
    status: Status = Status.PENDING
    phase: Phase = Phase.EXECUTE
    mode: Mode | None = None
    verbs: Verbs = Verbs.NONE
    in_sequence: bool = False
    best_effort: bool = False
    order: int = 0
    next_id: str | None = None
    parts: int = 0
    pending: int = 0
    outcome: Outcome | None = None
    stopping: Outcome | None = None
    revision: int = 0
    attempt: int = 0
    tries: int = 0
    deaths: int = 0
    nudges: int = 0
    worker_id: str | None = None
    wake_at: datetime | None = None
    deadline: datetime | None = None
    locks: tuple[Lock, ...] = ()
    entity_type: str | None = None
    entity_id: str | None = None
    owner_id: str = ""
    owner_type: str = "user"
    correlation_id: str | None = None
    message: str | None = None
    progress: float | None = None
    weight: int = 1
    visible_to_ui: bool = True
    created_at: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    last_update_time: datetime | None = None
    restarts: int = 0
    stuck: int = 0
    unreadable: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether it was submitted by itself, not as a part."""
        return self.parent_id is None


def touches_of(command: CommandEntity) -> set[tuple[str, str]]:
    """Gives the entities, as type and id, that a command is about: what it locks, and what its row names."""
    touched = {(one.entity_type, one.entity_id) for one in command.locks}
    if command.entity_type and command.entity_id:
        touched.add((command.entity_type, command.entity_id))
    return touched


@dataclass(frozen=True, slots=True)
class Payload:
    """The JSON of a command that only its verbs look at.

    `inputs` says where each thing that a verb asks for comes from: see `orchestrator.engine.supply`.
    `unreadable` says why neither can be read.
    """

    parameters: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command that is to be stored."""

    entity: CommandEntity
    payload: Payload


@dataclass(frozen=True, slots=True)
class CommandSequence:
    """The place of one part in its parent: the seed's table of that name."""

    sequence_id: str
    entity_id: str
    order_in_sequence: int
    next_command_id: str | None
    initiator_command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntity:
    """A stored async task.

    Until `claimed_until` one program of its vendor has it for itself.
    `attempt` is the command's when the task was stored: it tells the lives of a restarted command apart.
    `found` says that somebody else began it: it is never asked to stop, nor cleared, unless an operator says so.
    `retry_s` says when `execute` is called again should the task fail, None that it is not; `tries` how often it
    or its task had failed before.
    """

    task_id: str
    command_id: str
    root_id: str
    system: str
    scope: str
    verb: str
    request: Mapping[str, Any]
    description: str = ""
    external_id: str | None = None
    state: TaskState = TaskState.INITIALIZING
    status: TaskStatus = TaskStatus.RUNNING
    progress: float | None = None
    message: str | None = None
    result: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    stop_requested: bool = False
    lease_s: float | None = None
    when_silent: str = "attention"
    tries: int = 0
    retry_s: float | None = None
    correlation_id: str | None = None
    wake_at: datetime | None = None
    deadline: datetime | None = None
    created_at: datetime
    changed_at: datetime
    attempt: int = 0
    claimed_until: datetime | None = None
    found: bool = False

    @property
    def untouched_at(self) -> int | None:
        """The attempt of its command, if any, in which nothing of its start had reached the system."""
        return self.detail.get(UNTOUCHED)

    def noted_untouched(self, attempt: int) -> TaskEntity:
        """Gives it with the note that nothing of its start has reached the system so far."""
        return replace(self, detail={**self.detail, UNTOUCHED: attempt})

    def given(self, time: timedelta) -> TaskEntity:
        """Gives it with so much more time to end in."""
        deadline, wake_at = (one and one + time for one in (self.deadline, self.wake_at))
        return replace(self, deadline=deadline, wake_at=wake_at)

    @property
    def claims(self) -> int:
        """How often a program of its vendor has taken it for itself: the fencing token between them."""
        return int(self.detail.get(CLAIMS, 0))

    @property
    def has_begun(self) -> bool:
        """Whether there was a sign of life since it was offered or started."""
        return HEARD_AT in self.detail or self.changed_at > self.created_at

    def ref(self) -> AsyncTaskRef:
        """Gives what its adapter may see of it."""
        return AsyncTaskRef(
            task_id=self.task_id,
            system=self.system,
            scope=self.scope,
            verb=self.verb,
            request=self.request,
            external_id=self.external_id,
            detail=self.detail,
            created_at=self.created_at,
            changed_at=self.changed_at,
            correlation_id=self.correlation_id,
            stop_requested=self.stop_requested,
        )


def task_of(
    command: CommandEntity,
    task: AsyncTask[Any],
    *,
    task_id: str,
    now: datetime,
    tries: int = 0,
    retry_in: timedelta | None = None,
) -> TaskEntity:
    """Makes the placeholder that is stored before anything is started outside."""
    deadline = now + task.timeout if task.timeout else None
    return TaskEntity(
        task_id=task_id,
        command_id=command.command_id,
        root_id=command.root_id,
        system=task.system,
        scope=task.scope,
        verb=task.verb,
        request=task.request,
        description=task.description or command.label,
        lease_s=task.lease.total_seconds() if task.lease else None,
        when_silent=task.when_silent.value,
        tries=tries,
        retry_s=None if retry_in is None else retry_in.total_seconds(),
        correlation_id=command.correlation_id,
        wake_at=deadline,
        deadline=deadline,
        created_at=now,
        changed_at=now,
        attempt=command.attempt,
    )


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the event log: the way a command went within one transaction.

    `path` holds each status it passed, the first being where it stood before, so every step can be
    checked against the transition table. A row with one status on its path is news without a move. `actor` is who
    caused it, where a person or a program did.
    """

    command_id: str
    root_id: str
    revision: int
    path: tuple[Status, ...]
    phase: Phase
    causes: tuple[str, ...]
    attempt: int
    worker_id: str | None
    message: str | None
    progress: float | None
    at: datetime
    seq: int = 0
    actor: str | None = None
