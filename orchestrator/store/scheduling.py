"""What the scheduler and the workers ask of the store: what is due, who is alive, who leads."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.ports import LEASE_MOST_S, Signs, WorkerRow
from orchestrator.core.status import FINAL, TaskState
from orchestrator.store import codec, statements
from orchestrator.store.stamp import NothingBefore, NothingBeyond
from orchestrator.store.tables import async_task, command_entity, lease, worker
from orchestrator.store.types import Instant

_c, _t, _w = command_entity.c, async_task.c, worker.c
CAN_BE_LATE = sa.and_(
    _c.deadline.is_not(None),
    _c.end_time.is_(None),
    _c.stopping.is_(None),
    _c.action_state.not_in([one.value for one in FINAL]),
    _c.phase.in_(["execute", "start"]),
)
IS_CLAIMED_BY_A_STRANGER = sa.and_(
    _c.worker_id.is_not(None), _c.worker_id.not_in(sa.select(_w.worker_id))
)
_now = sa.bindparam("now", type_=Instant())


def _first(column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """Gives the least value of an indexed column.

    Asked whether there is a row before some time, a planner that does not know the time expects one at once, and
    reads the whole table where there is none. In this form there is nothing but the index to be read.
    """
    statement = sa.select(column).where(column.is_not(None), *where)
    return statement.order_by(column).limit(1).scalar_subquery()


SIGNS = sa.select(
    (_first(_c.wake_at) <= _now).label("due"),
    (_first(_c.deadline, CAN_BE_LATE) <= _now).label("overdue_roots"),
    (_first(_t.wake_at) <= _now).label("overdue_tasks"),
    (_first(_w.alive_until) < _now).label("silent_workers"),
    _first(_c.worker_id, IS_CLAIMED_BY_A_STRANGER).is_not(None).label("strangers"),
)
RENEW = (
    sa.update(worker)
    .where(_w.worker_id == sa.bindparam("known_id"))
    .values(alive_until=sa.bindparam("until", type_=Instant()))
)
TAKE_LEASE = (
    sa.update(lease)
    .where(lease.c.name == sa.bindparam("wanted"))
    .where(
        sa.or_(
            lease.c.holder == sa.bindparam("taker"),
            lease.c.until < _now,
            lease.c.until > sa.bindparam("most", type_=Instant()),  # a clock was set
        )
    )
    .values(holder=sa.bindparam("taker"), until=sa.bindparam("to", type_=Instant()))
)
_mark = sa.select(NothingBefore().label("mark")).subquery("m")
CHANGED = sa.select(_mark.c.mark, async_task).select_from(
    _mark.outerjoin(
        async_task, sa.and_(_t.stamp >= sa.bindparam("since"), _t.stamp < NothingBeyond())
    )
)
"""One statement, for rows and mark must come from one look; with no row there is still the mark."""


class Scheduling:
    """Reads what is due, and keeps the registers of workers and leases."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Opens a transaction that writes."""
        raise NotImplementedError

    def saying(self) -> AbstractContextManager[sa.Connection]:
        """Opens a connection for one statement that writes: it is a transaction of its own."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Gives the store's own time."""
        raise NotImplementedError

    def signs(self, now: datetime) -> Signs:
        """Tells what there is to do, with one statement: at most times, that there is nothing."""
        with self.reading() as connection:
            row = connection.execute(SIGNS, {"now": now}).one()
        return Signs(**{name: bool(found) for name, found in row._mapping.items()})

    def due(self, now: datetime, limit: int) -> list[CommandEntity]:
        """Gives the commands whose `wake_at` has passed, the longest overdue first."""
        statement = (
            statements.HEADS.where(_c.wake_at.is_not(None), _c.wake_at <= now)
            .order_by(_c.wake_at)
            .limit(limit)
        )
        return self._read(statement, codec.to_entity)

    def overdue_roots(self, now: datetime, limit: int) -> list[str]:
        """Gives the roots that have not ended by their deadline and were not stopped for it yet."""
        statement = sa.select(_c.command_id).where(_c.deadline <= now, CAN_BE_LATE)
        statement = statement.order_by(_c.deadline).limit(limit)
        return self._read(statement, lambda row: row[0])

    def scopes(self) -> list[tuple[str, str]]:
        """Gives every (system, scope) that has an async task which is not cleared."""
        statement = sa.select(_t.system, _t.scope).where(_t.state != TaskState.CLEARED).distinct()
        return self._read(statement, lambda row: (row[0], row[1]))

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
        return self._read(statement, codec.to_task)

    def changed_tasks(self, since: int | None) -> tuple[list[TaskEntity], int]:
        """Gives the tasks written since the mark `since`, and the mark to go on from; None gives only that."""
        with self.reading() as connection:
            if since is None:
                return [], connection.execute(sa.select(NothingBefore())).scalar_one()
            rows = connection.execute(CHANGED, {"since": since}).all()
        return [codec.to_task(row) for row in rows if row.task_id is not None], rows[0].mark

    def overdue_tasks(self, now: datetime, limit: int) -> list[TaskEntity]:
        """Gives the tasks whose lease or deadline has passed."""
        statement = (
            sa.select(async_task)
            .where(_t.wake_at.is_not(None), _t.wake_at <= now)
            .order_by(_t.wake_at)
            .limit(limit)
        )
        return self._read(statement, codec.to_task)

    def claimed_by(self, worker_ids: Collection[str]) -> list[CommandEntity]:
        """Gives the commands that these workers have claimed."""
        return self._read(
            statements.HEADS.where(_c.worker_id.in_(list(worker_ids))), codec.to_entity
        )

    def strangers(self) -> list[str]:
        """Gives the ids of workers that have claims and are not registered (any more)."""
        statement = sa.select(_c.worker_id).where(IS_CLAIMED_BY_A_STRANGER).distinct()
        return self._read(statement, lambda row: row[0])

    def _read(self, statement: sa.Select[Any], read: Any) -> list[Any]:
        with self.reading() as connection:
            return [read(row) for row in connection.execute(statement)]

    # --- workers ---------------------------------------------------------------------------------

    def heartbeat(self, row: WorkerRow) -> None:
        """Registers a worker, or renews its lease."""
        with self.saying() as connection:
            given = {"known_id": row.worker_id, "until": row.alive_until}
            if connection.execute(RENEW, given).rowcount:
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
                )
            )

    def farewell(self, worker_id: str) -> None:
        """Strikes a worker off the register."""
        with self.writing() as connection:
            connection.execute(sa.delete(worker).where(_w.worker_id == worker_id))

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
                kinds=tuple(row.kinds or ()),
                place=row.place,
            )
            for row in rows
        ]

    def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Takes or renews a lease of at most a minute; False while somebody else has it."""
        now = self.now()
        until = now + timedelta(seconds=seconds)
        most = now + timedelta(seconds=LEASE_MOST_S)
        with self.saying() as connection:
            given = {"wanted": name, "taker": holder, "now": now, "to": until, "most": most}
            if connection.execute(TAKE_LEASE, given).rowcount:
                return True
        with self.writing() as connection:
            known = connection.execute(
                sa.select(lease.c.holder).where(lease.c.name == name)
            ).first()
            if known is None:
                connection.execute(sa.insert(lease).values(name=name, holder=holder, until=until))
            return known is None
