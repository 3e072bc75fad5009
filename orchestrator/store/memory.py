"""The memory store: for tests and simulations. Passes the same contract as the SQL store."""

from __future__ import annotations

import copy
import heapq
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from orchestrator.core.access import Grant, GrantAbout
from orchestrator.core.asynctask import TaskReport
from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity, Transition
from orchestrator.core.errors import ContendedError
from orchestrator.core.locks import Blocker, LockRow
from orchestrator.core.pause import Pause
from orchestrator.core.ports import LEASE_MOST_S, Signs, Transaction, WorkerRow
from orchestrator.core.query import CommandQuery, Page
from orchestrator.core.status import FINAL, Status, TaskState
from orchestrator.store.memory_books import Books
from orchestrator.store.memory_found import FoundTasks, ScopeNotes, check_found_once
from orchestrator.store.memory_granting import MemoryGranting
from orchestrator.store.memory_watching import MemoryWatching


class MemoryTransaction(FoundTasks):
    """Implements `orchestrator.core.ports.Transaction`; undoes what it did when it is rolled back."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._undo: list[Callable[[], None]] = []

    def rollback(self) -> None:
        """Takes everything back, newest first."""
        while self._undo:
            self._undo.pop()()

    def _put(self, book: dict[str, Any], key: str, value: Any) -> None:
        if key in book:
            old = book[key]
            self._undo.append(lambda: book.__setitem__(key, old))
        else:
            self._undo.append(lambda: book.pop(key, None))
        book[key] = value

    def _drop(self, book: dict[str, Any], key: str) -> None:
        if key in book:
            old = book.pop(key)
            self._undo.append(lambda: book.__setitem__(key, old))

    def lock(self, ids: Collection[str]) -> list[CommandEntity]:
        return [self._books.commands[one] for one in ids if one in self._books.commands]

    def parts(
        self, parent_id: str, statuses: Collection[Status] | None = None
    ) -> list[CommandEntity]:
        found = self.lock(self._books.parts.get(parent_id, ()))
        return [one for one in found if statuses is None or one.status in statuses]

    def edge_part(self, parent_id: str, *, last: bool) -> CommandEntity | None:
        planned = [one for one in self.parts(parent_id) if one.order >= 0]
        return planned[-1 if last else 0] if planned else None

    def previous(self, command_id: str) -> CommandEntity | None:
        before = self._books.previous.get(command_id)
        return self._books.commands.get(before) if before else None

    def payloads(self, ids: Collection[str]) -> dict[str, Payload]:
        return {one: self._books.payloads[one] for one in ids if one in self._books.payloads}

    def insert(self, commands: Sequence[NewCommand]) -> None:
        for new in commands:
            entity = new.entity
            if entity.command_id in self._books.commands:
                raise ContendedError(f"command {entity.command_id} is stored already")
            self._put(self._books.commands, entity.command_id, entity)
            self._put(self._books.payloads, entity.command_id, copy.deepcopy(new.payload))
            if entity.parent_id:
                known = self._books.parts.get(entity.parent_id, ())
                self._put(self._books.parts, entity.parent_id, (*known, entity.command_id))
            if entity.next_id:
                self._put(self._books.previous, entity.next_id, entity.command_id)

    def set_payload(self, command_id: str, payload: Payload) -> None:
        self._put(self._books.payloads, command_id, payload)

    def save(self, commands: Sequence[CommandEntity]) -> None:
        for command in commands:
            stored = self._books.commands.get(command.command_id)
            if stored is None or stored.revision != command.revision - 1:
                raise ContendedError(f"command {command.command_id} was changed by somebody else")
            self._put(self._books.commands, command.command_id, command)

    def log(self, transitions: Sequence[Transition]) -> None:
        length = len(self._books.log)
        self._undo.append(lambda: self._books.log.__delitem__(slice(length, None)))
        for transition in transitions:
            self._books.log.append(replace(transition, seq=len(self._books.log) + 1))

    def finish(
        self,
        commands: Sequence[CommandEntity],
        transitions: Sequence[Transition],
        *,
        new: Sequence[NewCommand] = (),
        values: Mapping[str, Any] | None = None,
        ended_roots: Sequence[str] = (),  # whoever waits for them looks again
    ) -> None:
        self.insert(new)
        self.save(commands)
        for command_id, value in (values or {}).items():
            self._put(self._books.values, command_id, copy.deepcopy(value))
        self.log(transitions)

    def look(self, ids: Collection[str], limit: int) -> list[NewCommand]:
        wanted: dict[str, None] = {}
        for one in self.lock(ids):
            line = [one.command_id, one.parent_id]
            following = one.next_id
            while following is not None and len(line) < limit + 2:
                line.append(following)
                following = self._books.commands[following].next_id
            wanted.update(dict.fromkeys(found for found in line if found))
        return [self._with_payload(one) for one in self.lock(wanted)]

    def _with_payload(self, command: CommandEntity) -> NewCommand:
        return NewCommand(command, self._books.payloads[command.command_id])

    def ready(self, kinds: Collection[str], limit: int, ahead: int) -> list[NewCommand]:
        ready = (
            (one.created_at, one.command_id)
            for one in self._books.commands.values()
            if one.status is Status.READY and one.kind in kinds
        )
        return self.look([one for _, one in heapq.nsmallest(limit, ready)], ahead)

    def drop_parts(self, parent_id: str) -> None:
        for part_id in self._books.parts.get(parent_id, ()):
            self.drop_parts(part_id)
            for book in (self._books.commands, self._books.payloads, self._books.previous):
                self._drop(book, part_id)
            for task in [one for one in self._books.tasks.values() if one.command_id == part_id]:
                self._drop(self._books.tasks, task.task_id)
        self._drop(self._books.parts, parent_id)

    def acquire(self, command: CommandEntity, now: datetime) -> Blocker | None:
        self._keep_locks()
        return self._books.locks.acquire(command, now, self._books.commands)

    def release(self, command_ids: Collection[str]) -> list[str]:
        self._keep_locks()
        return self._books.locks.release(command_ids, self._books.commands)

    def _keep_locks(self) -> None:
        kept = list(self._books.locks.rows)
        self._undo.append(lambda: setattr(self._books.locks, "rows", kept))

    def insert_task(self, task: TaskEntity) -> None:
        check_found_once(task, self._books.tasks.values())
        self.save_tasks([task])

    def open_task(self, command_id: str) -> TaskEntity | None:
        found = [
            one
            for one in self._books.tasks.values()
            if one.command_id == command_id and one.state is not TaskState.CLEARED
        ]
        return max(found, key=lambda one: (one.created_at, one.attempt), default=None)

    def find_task(self, report: TaskReport) -> TaskEntity | None:
        if report.task_id is not None:
            return self._books.tasks.get(report.task_id)
        place = (report.system, report.scope, report.external_id)
        for task in self._books.tasks.values():
            same = (task.system, task.scope, task.external_id) == place
            if same and task.state is not TaskState.CLEARED:
                return task
        return None

    def save_tasks(self, tasks: Sequence[TaskEntity]) -> None:
        for task in tasks:
            written = partial(self._books.written_tasks.append, task.task_id)
            self._undo.append(written)  # for to take it back, which comes first, is a change too
            self._put(self._books.tasks, task.task_id, task)
            written()

    def remember_request(self, key: str, digest: str, command_id: str) -> tuple[str, str] | None:
        known = self._books.requests.get(key)
        if known is None:
            self._put(self._books.requests, key, (digest, command_id))
        return known

    def grants(self, about: GrantAbout, subject: str) -> list[Grant]:
        grants = self._books.grants.values()
        return [one for one in grants if (one.about, one.subject) == (about, subject)]

    def grant(self, grant: Grant) -> None:
        key = f"{grant.about} {grant.subject} {grant.vendor}"
        if key not in self._books.grants:
            self._put(self._books.grants, key, grant)

    def withdraw(self, about: GrantAbout, subject: str, vendor: str) -> bool:
        key = f"{about} {subject} {vendor}"
        known = key in self._books.grants
        self._drop(self._books.grants, key)
        return known

    def pause(self, given: Pause) -> None:
        self._put(self._books.pauses, given.subject, given)

    def unpause(self, subject: str) -> bool:
        known = subject in self._books.pauses
        self._drop(self._books.pauses, subject)
        return known

    def audit(self, deed: Deed) -> None:
        self._books.audit.append(replace(deed, number=len(self._books.audit) + 1))
        self._undo.append(lambda: self._books.audit.__delitem__(-1))

    def lease_of(self, worker_id: str) -> datetime | None:
        worker = self._books.workers.get(worker_id)
        return worker.alive_until if worker else None


class MemoryStore(MemoryWatching, MemoryGranting, ScopeNotes):
    """Implements `orchestrator.core.ports.Store` in memory, with a clock that a test may turn."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.books = Books()
        self._now = now
        self._one_writer = threading.RLock()

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with self._one_writer:
            tx = MemoryTransaction(self.books)
            try:
                yield tx
            except BaseException:
                tx.rollback()
                raise

    def now(self) -> datetime:
        return self._now()

    # --- what people and programs read -----------------------------------------------------------

    def get(self, command_id: str) -> CommandEntity | None:
        return self.books.commands.get(command_id)

    def payload(self, command_id: str) -> Payload | None:
        return self.books.payloads.get(command_id)

    def value(self, command_id: str) -> Any:
        return self.books.values.get(command_id)

    def values(self, ids: Collection[str]) -> dict[str, Any]:
        return {
            one: self.books.values.get(one)
            for one in ids
            if one in self.books.commands and self.books.commands[one].outcome == "succeeded"
        }

    def tree(self, command_id: str) -> list[CommandEntity]:
        command = self.books.commands.get(command_id)
        if command is None:
            return []
        found, stack = [], [command_id]
        while stack:
            one = stack.pop()
            found.append(self.books.commands[one])
            parts = [self.books.commands[part] for part in self.books.parts.get(one, ())]
            parts.sort(key=lambda part: (part.order < 0, part.order))
            stack.extend(part.command_id for part in reversed(parts))
        return found

    def subtree_ids(self, command_id: str, statuses: Collection[Status]) -> list[str]:
        return [one.command_id for one in self.tree(command_id) if one.status in statuses]

    def get_commands(self, query: CommandQuery) -> Page[CommandEntity]:
        found = self.matching(query)
        found.sort(key=lambda one: (one.created_at, one.command_id), reverse=True)
        total, start = len(found), int(query.cursor or 0)
        page = tuple(found[start : start + query.limit])
        after = start + len(page)
        return Page(page, str(after) if after < total else None, total)

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        found = tuple(self.books.log[after : after + limit])
        return Page(found, str(found[-1].seq if found else after))

    def last_event(self) -> int:
        return len(self.books.log)

    def history(self, command_id: str) -> list[Transition]:
        return [one for one in self.books.log if one.command_id == command_id]

    def find_ids(self, prefix: str, limit: int) -> list[str]:
        found = [one for one in self.books.commands if one.startswith(prefix)]
        return sorted(found, key=lambda one: (not self.books.commands[one].is_root, one))[:limit]

    def locks(self, command_id: str | None = None) -> list[LockRow]:
        return [
            one.as_row()
            for one in self.books.locks.rows
            if command_id in (None, one.command_id, one.root_id)
        ]

    def tasks(self, command_ids: Collection[str]) -> list[TaskEntity]:
        return [one for one in self.books.tasks.values() if one.command_id in command_ids]

    # --- what the scheduler reads ----------------------------------------------------------------

    def signs(self, now: datetime) -> Signs:
        return Signs(
            due=bool(self.due(now, 1)),
            overdue_roots=bool(self.overdue_roots(now, 1)),
            overdue_tasks=bool(self.overdue_tasks(now, 1)),
            silent_workers=any(one.alive_until < now for one in self.books.workers.values()),
            strangers=bool(self.strangers()),
        )

    def due(self, now: datetime, limit: int) -> list[CommandEntity]:
        found = [one for one in self.books.commands.values() if one.wake_at and one.wake_at <= now]
        return sorted(found, key=lambda one: one.wake_at or now)[:limit]

    def overdue_roots(self, now: datetime, limit: int) -> list[str]:
        return [
            one.command_id
            for one in self.books.commands.values()
            if one.deadline
            and one.deadline <= now
            and one.stopping is None
            and one.status not in FINAL
        ][:limit]

    def scopes(self) -> list[tuple[str, str]]:
        return sorted({(one.system, one.scope) for one in self._open_tasks()})

    def open_tasks(self, system: str, scope: str, *, to_tend: bool = False) -> list[TaskEntity]:
        return [
            one
            for one in self._open_tasks()
            if (one.system, one.scope) == (system, scope)
            and (not to_tend or one.stop_requested or one.state is not TaskState.POLLING)
        ]

    def _open_tasks(self) -> list[TaskEntity]:
        return [one for one in self.books.tasks.values() if one.state is not TaskState.CLEARED]

    def changed_tasks(self, since: int | None) -> tuple[list[TaskEntity], int]:
        written = self.books.written_tasks
        mark = len(written)
        ids = dict.fromkeys(written[mark if since is None else since : mark])
        return [self.books.tasks[one] for one in ids if one in self.books.tasks], mark

    def overdue_tasks(self, now: datetime, limit: int) -> list[TaskEntity]:
        tasks = self.books.tasks.values()
        return [one for one in tasks if one.wake_at and one.wake_at <= now][:limit]

    def claimed_by(self, worker_ids: Collection[str]) -> list[CommandEntity]:
        return [one for one in self.books.commands.values() if one.worker_id in worker_ids]

    def strangers(self) -> list[str]:
        claimed = {one.worker_id for one in self.books.commands.values() if one.worker_id}
        return sorted(claimed - set(self.books.workers))

    # --- workers ---------------------------------------------------------------------------------

    def heartbeat(self, worker: WorkerRow) -> None:
        self.books.workers[worker.worker_id] = worker

    def farewell(self, worker_id: str, *, seen: datetime | None = None) -> None:
        known = self.books.workers.get(worker_id)
        if known is not None and seen not in (None, known.alive_until):
            return
        self.books.workers.pop(worker_id, None)

    def workers(self) -> list[WorkerRow]:
        return list(self.books.workers.values())

    def lead(self, name: str, holder: str, seconds: float) -> bool:
        now = self.now()
        known, until = self.books.leases.get(name, (holder, now))
        if known != holder and now <= until <= now + timedelta(seconds=LEASE_MOST_S):
            return False
        self.books.leases[name] = (holder, now + timedelta(seconds=seconds))
        return True
