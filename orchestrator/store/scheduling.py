"""What the scheduler and the workers ask of the store: what is due, who is alive, who leads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.ports import LEASE_MOST_S, ScopeNote, Signs, Straggler, WorkerRow
from orchestrator.core.status import Outcome, TaskState
from orchestrator.store import codec, statements
from orchestrator.store.direct import Direct, Row
from orchestrator.store.reads import Reads
from orchestrator.store.regular import CAN_BE_LATE, IS_CLAIMED_BY_A_STRANGER, Regular
from orchestrator.store.stamp import NothingBefore
from orchestrator.store.tables import async_task, command_entity, lease, outside_scope, worker

_c, _t, _w, _o = command_entity.c, async_task.c, worker.c, outside_scope.c
OUTCOMES = frozenset(one.value for one in Outcome)
CLAIMS = 500  # of strangers, at a time


class Scheduling:
    """Reads what is due, and keeps the registers of workers and leases."""

    engine: sa.Engine

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Opens a transaction that writes."""
        raise NotImplementedError

    def alone(
        self, statement: Direct, given: Mapping[str, Any], *, writes: bool = False
    ) -> list[Row]:
        """Runs one statement as a transaction of its own."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Gives the store's own time."""
        raise NotImplementedError

    @cached_property
    def _regular(self) -> Regular:
        return Regular(self.engine.dialect.name)

    def signs(self, now: datetime) -> Signs:
        """Tells what there is to do, with one statement: at most times, that there is nothing."""
        (row,) = self.alone(self._regular.signs, self._regular.given(now=now))
        return Signs(*(bool(one) for one in row))

    def due(self, now: datetime, limit: int) -> list[CommandEntity]:
        """Gives the commands whose `wake_at` has passed, the longest overdue first."""
        statement = statements.HEADS.where(_c.wake_at.is_not(None), _c.wake_at <= now)
        statement, most = statement.order_by(_c.wake_at), limit
        while True:
            found: list[CommandEntity] = self._read(statement.limit(most), codec.to_entity)
            wanted = limit + sum(one.unreadable is not None for one in found)
            if wanted <= most:  # those that cannot be read must not keep others from their turn
                return found
            most = wanted

    def overdue_roots(self, now: datetime, limit: int) -> list[str]:
        """Gives the roots that have not ended by their deadline and were not stopped for it yet."""
        statement = sa.select(_c.command_id).where(_c.deadline <= now, CAN_BE_LATE)
        statement = statement.order_by(_c.deadline).limit(limit)
        return self._read(statement, lambda row: row[0])

    def stragglers(self, limit: int) -> list[Straggler]:
        """Gives what is not being stopped in trees that are, and what nobody will wake there."""
        read = {"limit_": limit}
        with self.reading() as connection:
            told = connection.execute(statements.NOT_TOLD, read).all()
            asleep = connection.execute(statements.ASLEEP, read).all()
        return [
            *(
                Straggler(row[0], Outcome(row[1]), row[2] or "")
                for row in told
                if row[1] in OUTCOMES
            ),
            *(Straggler(row[0], None, "") for row in asleep),
        ]

    def scopes(self) -> list[tuple[str, str]]:
        """Gives every (system, scope) that has an async task which is not cleared."""
        statement = sa.select(_t.system, _t.scope).where(_t.state != TaskState.CLEARED).distinct()
        return self._read(statement, lambda row: (row[0], row[1]))

    def note_scope(self, note: ScopeNote) -> None:
        """Notes how a scope answered."""
        of_it = sa.and_(_o.system == note.system, _o.scope == note.scope)
        given = {**note._asdict(), "problem": codec.storable(note.problem)}
        with self.writing() as connection:
            if not connection.execute(sa.update(outside_scope).where(of_it).values(given)).rowcount:
                connection.execute(sa.insert(outside_scope).values(given))

    def scope_notes(self) -> list[ScopeNote]:
        """Gives how each scope answered that was ever asked."""
        statement = sa.select(outside_scope).order_by(_o.system, _o.scope)
        return self._read(statement, lambda row: ScopeNote(*row))

    def count_open_tasks(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Counts the tasks that are not cleared, by system and scope, and those of them that others began."""
        found = sa.func.sum(sa.case((_t.found, 1), else_=0))
        statement = sa.select(_t.system, _t.scope, sa.func.count(), found)
        statement = statement.where(_t.state != TaskState.CLEARED).group_by(_t.system, _t.scope)
        rows = self._read(statement, lambda row: ((row[0], row[1]), (row[2], int(row[3]))))
        return dict(rows)

    def open_tasks(self, system: str, scope: str, *, to_tend: bool = False) -> list[TaskEntity]:
        """Gives the tasks of a scope that are not cleared, oldest first.

        `to_tend` leaves out those that just run: only what is to be stopped or cleared is wanted.
        """
        statement = (
            sa.select(async_task)
            .where(_t.system == system, _t.scope == scope, _t.state != TaskState.CLEARED)
            .order_by(_t.created_at)
        )
        if to_tend:
            statement = statement.where(
                sa.or_(_t.stop_requested.is_(True), _t.state != TaskState.POLLING)
            )
        with self.reading() as connection:
            return codec.to_tasks(connection.execute(statement))

    def changed_tasks(self, since: int | None) -> tuple[list[TaskEntity], int]:
        """Gives the tasks written since the mark `since`, and the mark to go on from; None gives only that."""
        if since is None:
            with self.reading() as connection:
                return [], connection.execute(sa.select(NothingBefore())).scalar_one()
        rows = self.alone(self._regular.changed, {"since": since})
        return codec.to_tasks(task for _, *task in rows if task[0] is not None), rows[0][0]

    def overdue_tasks(self, now: datetime, limit: int) -> list[TaskEntity]:
        """Gives the tasks whose lease or deadline has passed."""
        statement = (
            sa.select(async_task)
            .where(_t.wake_at.is_not(None), _t.wake_at <= now)
            .order_by(_t.wake_at)
            .limit(limit)
        )
        with self.reading() as connection:
            return codec.to_tasks(connection.execute(statement))

    def claimed_by(self, worker_ids: Collection[str]) -> list[CommandEntity]:
        """Gives the commands that these workers have claimed."""
        return self._read(
            statements.HEADS.where(_c.worker_id.in_(list(worker_ids))), codec.to_entity
        )

    def waiting_kinds(self) -> dict[str, int]:
        """Says how many commands of each kind are ready, or sleep until a time."""
        counted = (
            sa.select(_c.action_type, sa.func.count())
            .where(_c.wake_at.is_not(None), _c.end_time.is_(None))
            .group_by(_c.action_type)
        )
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counted)}

    def strangers(self) -> list[str]:
        """Gives the ids of workers that have claims and are not registered (any more), or of some of them."""
        # In this form the index is read, whatever the planner believes about a table that it does not know yet.
        statement = sa.select(_c.worker_id).where(IS_CLAIMED_BY_A_STRANGER)
        claims = self._read(statement.order_by(_c.worker_id).limit(CLAIMS), lambda row: row[0])
        return list(dict.fromkeys(claims))

    def _read(self, statement: sa.Select[Any], read: Any) -> list[Any]:
        with self.reading() as connection:
            return [read(row) for row in connection.execute(statement)]

    # --- workers ---------------------------------------------------------------------------------

    def heartbeat(self, row: WorkerRow) -> None:
        """Registers a worker, or renews its lease."""
        given = self._regular.given(known_id=row.worker_id, until=row.alive_until)
        if self.alone(self._regular.renew, given, writes=True):
            return
        with self.writing() as connection:
            connection.execute(
                sa.insert(worker).values(
                    worker_id=row.worker_id,
                    name=row.name,
                    role=row.role,
                    host=row.host,
                    pid=row.pid,
                    started_at=row.started_at,
                    alive_until=row.alive_until,
                    kinds=list(row.kinds),
                    place=row.place,
                    born=row.born,
                )
            )

    def farewell(self, worker_id: str, *, seen: datetime | None = None) -> None:
        """Strikes a worker off the register; with `seen`, only if its lease still ends then."""
        statement = sa.delete(worker).where(_w.worker_id == worker_id)
        if seen is not None:
            statement = statement.where(_w.alive_until == seen)
        with self.writing() as connection:
            connection.execute(statement)

    def workers(self) -> list[WorkerRow]:
        """Gives all registered workers, dead or alive."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(worker).order_by(_w.name)).all()
        return [
            WorkerRow(
                worker_id=row.worker_id,
                name=row.name,
                role=row.role,
                host=row.host,
                pid=row.pid,
                started_at=row.started_at,
                alive_until=row.alive_until,
                kinds=tuple(row.kinds) if isinstance(row.kinds, list) else (),
                place=row.place,
                born=row.born,
            )
            for row in rows
            if isinstance(row.alive_until, datetime) and isinstance(row.started_at, datetime)
        ]

    def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Takes or renews a lease of at most a minute; False while somebody else has it."""
        now = self.now()
        until = now + timedelta(seconds=seconds)
        most = now + timedelta(seconds=LEASE_MOST_S)
        given = self._regular.given(wanted=name, taker=holder, now=now, to=until, most=most)
        if self.alone(self._regular.take_lease, given, writes=True):
            return True
        with self.writing() as connection:
            known = connection.execute(
                sa.select(lease.c.holder).where(lease.c.name == name)
            ).first()
            if known is None:
                connection.execute(sa.insert(lease).values(name=name, holder=holder, until=until))
            return known is None
