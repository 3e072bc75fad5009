"""What the core asks of the rings around it: stores, senders, clocks, adapters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from orchestrator.core.access import Grant, GrantAbout
from orchestrator.core.asynctask import AsyncTaskRef, FoundTask, TaskReport
from orchestrator.core.audit import AuditQuery, Deed
from orchestrator.core.entity import (
    CommandEntity,
    NewCommand,
    Payload,
    TaskEntity,
    Transition,
)
from orchestrator.core.locks import Blocker, LockRow
from orchestrator.core.pause import Pause, PauseOf
from orchestrator.core.query import CommandQuery, Offer, Page, TaskQuery
from orchestrator.core.status import Outcome, Status

LEASE_MOST_S = 60.0
"""How long a lease may be. One that runs longer was given by a clock that has been set since: it is none."""


@runtime_checkable
class Adapter(Protocol):
    """The seam to one kind of outside system. One instance serves all threads of a process.

    All methods may raise `TryAgain` for a passing condition (host away, starting up, overloaded); nothing
    is concluded from it. An adapter connects when it is first used, not when it is made.
    """

    @property
    def name(self) -> str:
        """The system's name, as `AsyncTask.system` has it."""

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts the task and gives its first report, with `external_id`.

        With `again`, an earlier start may have reached the system: look for the task (by `task_id`, by what
        is running, by the state of the entity) before starting anything. Raises `Refused` when the
        system says no.
        """

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Reports on all these tasks with one call to the scope; absent ones are reported as `LOST`."""

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        """Reports on these tasks as `poll` does, and from the same listing gives all else as `FoundTask`."""

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        """Asks the system to stop the task. May be called twice.

        Gives the system's answer where it says at once how that went; else a later report tells.
        """

    def clear(self, task: AsyncTaskRef) -> None:
        """Lets the system forget an ended task. Unknown counts as cleared; `TryAgain` means not yet."""


@runtime_checkable
class Announcing(Protocol):
    """What an adapter offers besides, when its system tells by itself that something ended there."""

    def listen(self, heard: Callable[[str], None]) -> None:
        """Has `heard` called with the scope whenever a task ended there, from any thread.

        It is only a hint: what it misses, the next poll tells.
        """


class Trouble(NamedTuple):
    """What keeps us from a part of an outside system: where, what it is, and what an operator does about it."""

    scope: str
    place: str
    problem: str
    advice: str


@runtime_checkable
class Examinable(Protocol):
    """What an adapter offers besides, when it can tell by itself what is wrong on the way to its system."""

    def examine(self, scopes: Collection[str]) -> Iterable[Trouble]:
        """Looks at all that it is configured for, within some seconds, and gives what is wrong.

        Tasks of ours are open in `scopes`; what is merely away elsewhere concerns nobody.
        """


class Clock(Protocol):
    """The time that all processes of one installation agree on: the store's."""

    def now(self) -> datetime:
        """Gives the present time, aware and in UTC."""


class Sender(Protocol):
    """Sends nudges. It may lose them: what is due is launched again."""

    def launch(self, commands: Sequence[CommandEntity]) -> None:
        """Says to the workers: look at these commands. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A process that runs verbs, or schedules; `alive_until` is its lease.

    `place` says where `pid` means something; empty is nowhere. `born` is when that process began, in its kernel's
    own count, so that another with the same id is not taken for it; None where that cannot be read.
    """

    worker_id: str
    name: str
    role: str
    host: str
    pid: int
    started_at: datetime
    alive_until: datetime
    kinds: tuple[str, ...] = ()
    place: str = ""
    born: int | None = None


class Signs(NamedTuple):
    """What there is to do for a scheduler, as one look at the store tells it."""

    due: bool
    overdue_roots: bool
    overdue_tasks: bool
    silent_workers: bool
    strangers: bool


class Straggler(NamedTuple):
    """A command that goes on although its parent is being stopped; with `stopping` None, one that sleeps for good."""

    command_id: str
    stopping: Outcome | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    """Since when one API process has answered without a gap, and until when that is certain."""

    process_id: str
    open_since: datetime
    open_until: datetime


class ScopeNote(NamedTuple):
    """When a scope outside was last asked, and what kept it from answering; a note may be half a minute old."""

    system: str
    scope: str
    asked_at: datetime
    problem: str | None = None
    problem_since: datetime | None = None


class Transaction(Protocol):
    """One transaction of a store. Everything read for a change is locked against others until its end."""

    def lock(self, ids: Collection[str]) -> list[CommandEntity]:
        """Gives these commands; unknown ids are left out."""

    def look(self, ids: Collection[str], limit: int) -> list[NewCommand]:
        """Gives these commands, their parents, and for each up to `limit` parts that follow it in its sequence.

        None of them is locked: they may change at any time.
        """

    def parts(
        self, parent_id: str, statuses: Collection[Status] | None = None
    ) -> list[CommandEntity]:
        """Gives the direct parts of a command in the order of the plan."""

    def edge_part(self, parent_id: str, *, last: bool) -> CommandEntity | None:
        """Gives the first or the last planned part of a sequence."""

    def previous(self, command_id: str) -> CommandEntity | None:
        """Gives the part that stands before this one in its sequence."""

    def payloads(self, ids: Collection[str]) -> dict[str, Payload]:
        """Gives the JSON of these commands."""

    def insert(self, commands: Sequence[NewCommand]) -> None:
        """Stores new commands with their places."""

    def set_payload(self, command_id: str, payload: Payload) -> None:
        """Stores the inputs found for a plan made at run time."""

    def save(self, commands: Sequence[CommandEntity]) -> None:
        """Stores commands; each must stand at the revision before. Raises ConflictError otherwise."""

    def log(self, transitions: Sequence[Transition]) -> None:
        """Appends to the event log."""

    def finish(
        self,
        commands: Sequence[CommandEntity],
        transitions: Sequence[Transition],
        *,
        new: Sequence[NewCommand] = (),
        values: Mapping[str, Any] | None = None,
        ended_roots: Sequence[str] = (),
    ) -> None:
        """Does what `insert`, `save` and `log` do, as the last words of this transaction.

        `values` are what saved commands return. Those who wait for `ended_roots` are told when it is committed.
        """

    def ready(self, kinds: Collection[str], limit: int, ahead: int) -> list[NewCommand]:
        """Locks up to `limit` ready commands of these kinds that no other transaction has locked.

        Those that were submitted first are preferred. Gives what `look` would give for them.
        """

    def drop_parts(self, parent_id: str) -> None:
        """Forgets the parts of a plan that is to be made anew, and all below them."""

    def acquire(self, command: CommandEntity, now: datetime) -> Blocker | None:
        """Takes all locks that the command declares, or none and queues for them: then says for whom."""

    def release(self, command_ids: Collection[str]) -> list[str]:
        """Frees what these commands hold or wait for; gives the waiting commands that now hold all."""

    def insert_task(self, task: TaskEntity) -> None:
        """Stores an async task. Raises ContendedError for a found one that is stored already and not cleared."""

    def open_task(self, command_id: str) -> TaskEntity | None:
        """Gives the async task that the command is at, if any."""

    def find_task(self, report: TaskReport) -> TaskEntity | None:
        """Gives the task that a report is about."""

    def save_tasks(self, tasks: Sequence[TaskEntity]) -> None:
        """Stores tasks."""

    def starting(self, system: str, scope: str) -> set[str]:
        """Gives the verbs of the tasks there that may have been started, and of which no outside id is known."""

    def same_tasks(self, system: str, scope: str, ids: Collection[str]) -> list[TaskEntity]:
        """Gives all tasks, cleared ones too, that have one of these as their own or their outside id."""

    def remember_request(self, key: str, digest: str, command_id: str) -> tuple[str, str] | None:
        """Notes an idempotency key; gives (digest, command id) when it was noted before."""

    def audit(self, deed: Deed) -> None:
        """Notes who did what."""

    def lease_of(self, worker_id: str) -> datetime | None:
        """Gives until when a worker is alive and keeps that from being changed; None if it is not registered."""

    def pause(self, given: Pause) -> None:
        """Notes a pause in place of an earlier one of its subject."""

    def unpause(self, subject: str) -> bool:
        """Takes a pause back; says whether there was one."""

    def grants(self, about: GrantAbout, subject: str) -> list[Grant]:
        """Gives who was let do something about this command or kind."""

    def grant(self, grant: Grant) -> None:
        """Notes a grant; one given again stays as it was first given."""

    def withdraw(self, about: GrantAbout, subject: str, vendor: str) -> bool:
        """Takes a grant back; says whether there was one."""


class Store(Protocol):
    """Where commands live. Reading outside a transaction sees what was committed."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """Opens a transaction; it is committed when the block ends, rolled back when it raises."""

    def now(self) -> datetime:
        """Gives the store's own time."""

    # what people and programs read
    def get(self, command_id: str) -> CommandEntity | None: ...
    def payload(self, command_id: str) -> Payload | None: ...
    def value(self, command_id: str) -> Any: ...
    def values(self, ids: Collection[str]) -> dict[str, Any]: ...
    def tree(self, command_id: str) -> list[CommandEntity]: ...
    def subtree_ids(self, command_id: str, statuses: Collection[Status]) -> list[str]: ...
    def get_commands(self, query: CommandQuery) -> Page[CommandEntity]: ...
    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]: ...
    def history(self, command_id: str) -> list[Transition]: ...
    def find_ids(self, prefix: str, limit: int) -> list[str]: ...
    def locks(self, command_id: str | None = None) -> list[LockRow]: ...
    def tasks(self, command_ids: Collection[str]) -> list[TaskEntity]: ...

    # what the monitor reads
    def get_all(self, ids: Collection[str]) -> list[CommandEntity]: ...
    def get_parts(
        self, parent_id: str, statuses: Collection[Status], limit: int, cursor: str | None
    ) -> Page[CommandEntity]: ...
    def count_commands(self, query: CommandQuery, most: int | None = None) -> dict[Status, int]: ...
    def stuck(self, root_ids: Collection[str]) -> list[CommandEntity]:
        """Gives for each of these trees the first command that needs attention, if any does."""

    def all_stuck(self, root_id: str) -> list[str]:
        """Gives the ids of all commands of a tree that need attention."""

    def count_stuck(self) -> int:
        """Says how many commands need attention, parts included."""

    def count_parts(self, parent_id: str) -> dict[Status, int]: ...
    def unreadable(self, limit: int) -> list[tuple[str, str]]:
        """Gives commands whose rows cannot be read, and why. It reads all of them."""

    def being_stopped(self, limit: int) -> list[CommandEntity]:
        """Gives what is being stopped and has not ended, the longest unchanged first."""

    def progress(self, ids: Collection[str]) -> dict[str, float]: ...
    def find_tasks(self, query: TaskQuery) -> Page[TaskEntity]: ...
    def grants(
        self,
        *,
        vendor: str | None = None,
        about: GrantAbout | None = None,
        subject: str | None = None,
    ) -> list[Grant]: ...
    def offered_tasks(self, offer: Offer) -> list[TaskEntity]:
        """Gives tasks that may be taken, the oldest first: not begun by anybody, or taken and let go."""

    def of_vendor(self, vendor: str, root_ids: Collection[str]) -> list[CommandEntity]:
        """Gives what belongs to a vendor in these trees."""

    def depth(self, command_id: str) -> int:
        """Gives how many levels there are from the root down to a command; 1 for a root, 0 for none."""

    def submitter(self, command_id: str) -> str | None:
        """Gives the name of the token that a command was submitted with; None where engine code did it."""

    def pauses(self) -> list[Pause]: ...
    def sleeping(self, of: PauseOf, name: str) -> list[str]: ...  # because of a pause of this
    def deeds(self, query: AuditQuery) -> Page[Deed]:
        """Lists who did what, newest first."""

    def last_event(self) -> int: ...

    # what the scheduler reads
    def signs(self, now: datetime) -> Signs:
        """Tells for which of `due`, `overdue_roots`, `overdue_tasks` and `strangers` there is an answer.

        `silent_workers` says that some worker's lease has run out.
        """

    def due(self, now: datetime, limit: int) -> list[CommandEntity]: ...
    def overdue_roots(self, now: datetime, limit: int) -> list[str]: ...
    def stragglers(self, limit: int) -> list[Straggler]:
        """Gives what is not being stopped in trees that are, and what nobody will wake there."""

    def scopes(self) -> list[tuple[str, str]]: ...
    def note_scope(self, note: ScopeNote) -> None: ...
    def scope_notes(self) -> list[ScopeNote]: ...
    def count_open_tasks(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Gives by system and scope how many tasks are not cleared, and how many of them others began."""

    def open_tasks(self, system: str, scope: str, *, to_tend: bool = False) -> list[TaskEntity]: ...
    def changed_tasks(self, since: int | None) -> tuple[list[TaskEntity], int]:
        """Gives all tasks written since the mark `since`, some perhaps again, and the mark to go on from.

        However transactions overlap, none is missed. None gives no task, only a mark.
        """

    def overdue_tasks(self, now: datetime, limit: int) -> list[TaskEntity]: ...
    def claimed_by(self, worker_ids: Collection[str]) -> list[CommandEntity]: ...
    def strangers(self) -> list[str]: ...
    def waiting_kinds(self) -> dict[str, int]: ...  # ready, or asleep until a time
    # whether vendors could reach us
    def keep_door(self, door: OpenDoor) -> None: ...
    def doors(self) -> list[OpenDoor]: ...

    # workers and the lease of the one that leads
    def heartbeat(self, worker: WorkerRow) -> None: ...
    def farewell(self, worker_id: str, *, seen: datetime | None = None) -> None:
        """Strikes a worker off the register; with `seen`, only if its lease still ends then."""

    def workers(self) -> list[WorkerRow]: ...
    def lead(self, name: str, holder: str, seconds: float) -> bool: ...  # at most LEASE_MOST_S
