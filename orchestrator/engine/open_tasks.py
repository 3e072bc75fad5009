"""What the poller keeps in mind of all tasks that are open, so that a poll reads nothing where nothing changed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from sys import intern
from typing import NamedTuple

import structlog

from orchestrator.core.asynctask import NO_DETAIL, AsyncTaskRef, TaskReport, TaskStatus
from orchestrator.core.entity import TaskEntity
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.ports import Store
from orchestrator.core.status import TaskState

log = structlog.get_logger(__name__)

CLEARABLE = (TaskState.ENDED, TaskState.CLEAR_FAILED)
RENEW_AFTER = 0.5  # of a lease: what is said again is written only to renew one


def is_to_tend(task: TaskEntity) -> bool:
    """Tells whether it is to be stopped or cleared. What others began is, once an operator has said so."""
    if task.state is TaskState.POLLING or (task.found and task.state is TaskState.ENDED):
        return task.stop_requested
    return task.state in (*CLEARABLE, TaskState.ATTEMPTING_END_ACTION)


class Said(NamedTuple):
    """What was stored of a task's last report, besides its detail, which its reference has."""

    status: TaskStatus
    progress: float | None
    message: str | None


class Lease(NamedTuple):
    """How long a task may be silent, and when somebody looks after it should it stay so."""

    length: timedelta
    wake_at: datetime | None
    deadline: datetime | None

    def runs_low(self, now: datetime) -> bool:
        """Whether it is time to renew it, as far as the deadline lets that do any good."""
        if self.wake_at is None:
            return True
        is_old = self.wake_at - now < self.length * RENEW_AFTER
        return is_old and (self.deadline is None or self.wake_at < self.deadline)


NOTHING_YET = Said(TaskStatus.RUNNING, None, None)


class ScopeTasks:
    """The open tasks of one scope. One thread takes in what changed, another asks.

    Of a task that runs only its reference is kept, which its adapter gets, and what it said if it said
    anything; tasks to be stopped or cleared are read again when their time comes, so only their ids are kept.
    """

    def __init__(self, system: str, scope: str, *, is_polled: bool) -> None:
        self.system = system
        self.scope = scope
        self.to_tend: set[str] = set()
        self._is_polled = is_polled
        self._guard = threading.Lock()
        self._running: dict[str, AsyncTaskRef] = {}
        self._said: dict[str, Said] = {}
        self._leases: dict[str, Lease] = {}
        self._over: dict[str, AsyncTaskRef] = {}  # begun by others, ended, and still there
        self._refs: tuple[AsyncTaskRef, ...] | None = ()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to ask, to stop or to clear."""
        return not self._running and not self.to_tend

    def take(self, task: TaskEntity) -> None:
        """Takes in a task as it is stored now."""
        with self._guard:
            self._keep(task.task_id, task if self._is_to_be_polled(task) else None)
            if task.found and task.state in CLEARABLE:
                self._over[task.task_id] = task.ref()
            else:
                self._over.pop(task.task_id, None)
            if is_to_tend(task):
                self.to_tend.add(task.task_id)
            else:
                self.to_tend.discard(task.task_id)

    def _is_to_be_polled(self, task: TaskEntity) -> bool:
        return self._is_polled and task.state is TaskState.POLLING

    def _keep(self, task_id: str, task: TaskEntity | None) -> None:
        self._refs = None
        self._said.pop(task_id, None)
        self._leases.pop(task_id, None)
        if task is None:
            self._running.pop(task_id, None)
            return
        self._running[task_id] = _lean(task.ref())
        said = Said(task.status, task.progress, task.message)
        if said != NOTHING_YET:
            self._said[task_id] = said
        if task.lease_s:
            length = timedelta(seconds=task.lease_s)
            self._leases[task_id] = Lease(length, task.wake_at, task.deadline)

    def refs(self) -> tuple[AsyncTaskRef, ...]:
        """Gives the tasks that run, as their adapter sees them; the same tuple while nothing changes."""
        with self._guard:
            if self._refs is None:
                self._refs = tuple(self._running.values())
            return self._refs

    def over(self) -> tuple[AsyncTaskRef, ...]:
        """Gives the tasks begun by others that have ended and that nobody has cleared yet."""
        with self._guard:
            return tuple(self._over.values())

    def news(self, reports: Iterable[TaskReport], now: datetime) -> list[TaskReport]:
        """Gives those reports that are worth writing down."""
        found = []
        by_external: dict[str | None, AsyncTaskRef] | None = None
        running, said, leases = self._running, self._said, self._leases
        for report in reports:
            ref = running.get(report.task_id or "")
            if ref is None:
                if by_external is None:
                    by_external = {one.external_id: one for one in self.refs()}
                ref = by_external.get(report.external_id)
                if ref is None:
                    continue  # somebody else's, or no longer of interest
            lease = leases.get(ref.task_id)
            if _differs(report, ref, said.get(ref.task_id, NOTHING_YET)) or (
                lease is not None and lease.runs_low(now)
            ):
                found.append(report)
        return found


class OpenTasks:
    """The open tasks of all scopes that this process has an adapter for.

    They are read once, and after that only what was written since the last look, whoever wrote it. What
    vanished without a trace (deleted with its command) is found out by reading all again now and then.
    """

    def __init__(self, store: Store, *, polled: Collection[str], pushed: Collection[str]) -> None:
        self._store = store
        self._polled = frozenset(polled)
        self._systems = self._polled | frozenset(pushed)
        self._mark: int | None = None
        self._scopes: dict[tuple[str, str], ScopeTasks] = {}

    def look(self, *, afresh: bool = False) -> None:
        """Takes in what was written since the last look, or with `afresh` all that is there."""
        if self._mark is None or afresh:
            self._read_all()
            return
        mark, self._mark = self._mark, None  # should anything go wrong, all is read again
        changed, mark = self._store.changed_tasks(mark)
        for task in changed:
            self._take(task)
        self._mark = mark

    def scopes(self) -> list[ScopeTasks]:
        """Gives the scopes where something is to be asked, stopped or cleared."""
        return [one for one in list(self._scopes.values()) if not one.is_idle]

    def of(self, system: str, scope: str) -> ScopeTasks:
        """Gives the open tasks of one scope, which may be none."""
        found = self._scopes.get((system, scope))
        return self._new(system, scope) if found is None else found

    def _take(self, task: TaskEntity) -> None:
        known = self._scopes.get((task.system, task.scope))
        if known is None:
            if task.system not in self._systems or task.state is TaskState.CLEARED:
                return
            known = self._scopes[task.system, task.scope] = self._new(task.system, task.scope)
        known.take(task)

    def _new(self, system: str, scope: str) -> ScopeTasks:
        return ScopeTasks(intern(str(system)), intern(str(scope)), is_polled=system in self._polled)

    def _read_all(self) -> None:
        """Reads scope after scope, so that never more than one is held twice."""
        # First of all the mark: what changes meanwhile is seen at the next look.
        _, mark = self._store.changed_tasks(None)
        there = self._store.scopes()
        for system, scope in there:
            if system in self._systems:
                try:
                    self._scopes[system, scope] = self._read(system, scope)
                except (UnavailableError, ContendedError):
                    raise
                except Exception:  # a row that cannot be read stops its own scope only
                    log.exception("scope_not_read", system=system, scope=scope)
        for gone in self._scopes.keys() - set(there):
            del self._scopes[gone]
        self._mark = mark

    def _read(self, system: str, scope: str) -> ScopeTasks:
        new = self._new(system, scope)
        for task in self._store.open_tasks(system, scope, to_tend=system not in self._polled):
            new.take(task)
        return new


def _differs(report: TaskReport, ref: AsyncTaskRef, known: Said) -> bool:
    """Tells whether a report would change what is stored; what it does not tell changes nothing."""
    return (
        report.status is not known.status
        or report.message != known.message
        or (report.progress is not None and report.progress != known.progress)
        or (bool(report.detail) and report.detail != ref.detail)
    )


def _lean(ref: AsyncTaskRef) -> AsyncTaskRef:
    """Gives the reference with its texts shared where they are the same: there may be very many."""
    return AsyncTaskRef(
        task_id=ref.task_id,
        system=intern(str(ref.system)),
        scope=intern(str(ref.scope)),
        verb=intern(str(ref.verb)),
        request={intern(str(name)): value for name, value in ref.request.items()},
        external_id=ref.task_id if ref.external_id == ref.task_id else ref.external_id,
        detail=ref.detail or NO_DETAIL,
        created_at=ref.created_at,
        changed_at=ref.created_at if ref.changed_at == ref.created_at else ref.changed_at,
        correlation_id=ref.correlation_id,
        stop_requested=ref.stop_requested,
    )
