"""A transaction of the SQL store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from orchestrator.core.asynctask import TaskReport
from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity, Transition
from orchestrator.core.errors import ContendedError
from orchestrator.core.ports import Blocker
from orchestrator.core.status import Status, TaskState
from orchestrator.store import codec, statements
from orchestrator.store.locking import LockBook
from orchestrator.store.statements import CHUNK, Statements, chunks
from orchestrator.store.tables import (
    async_task,
    audit,
    command_entity,
    command_sequence,
    entity_lock,
    idempotency_key,
)

ENDED_CHANNEL = "orchestrator_ended"
ANNOUNCE = sa.select(sa.func.pg_notify(ENDED_CHANNEL, sa.bindparam("root", type_=sa.Text())))


class SqlTransaction:
    """Implements `orchestrator.core.ports.Transaction` on one connection."""

    def __init__(self, engine: sa.Engine, known: Statements) -> None:
        self._engine = engine
        self._known = known
        self._open: sa.Connection | None = None

    @property
    def _connection(self) -> sa.Connection:
        """The connection, opened and begun at its first use."""
        if self._open is None:
            self._open = self._engine.connect()
            self._open.begin()
        return self._open

    def close(self, *, commit: bool) -> None:
        """Ends the transaction."""
        if self._open is None:
            return
        try:
            if commit:
                self._open.commit()
            else:
                self._open.rollback()
        finally:
            self._open.close()

    @property
    def _locks(self) -> LockBook:
        return LockBook(self._connection)

    def _heads(self, statement: sa.Select[Any], parameters: dict[str, Any]) -> list[CommandEntity]:
        return [codec.to_entity(row) for row in self._connection.execute(statement, parameters)]

    def lock(self, ids: Collection[str]) -> list[CommandEntity]:
        return [
            one
            for chunk in chunks(list(ids))
            for one in self._heads(self._known.lock_commands, {"ids": self._known.ids(chunk)})
        ]

    def parts(
        self, parent_id: str, statuses: Collection[Status] | None = None
    ) -> list[CommandEntity]:
        if statuses is None:
            return self._heads(self._known.lock_parts, {"parent_id": parent_id})
        return self._heads(
            self._known.lock_parts_in, {"parent_id": parent_id, "statuses": list(statuses)}
        )

    def edge_part(self, parent_id: str, *, last: bool) -> CommandEntity | None:
        statement = self._known.lock_last if last else self._known.lock_first
        return next(iter(self._heads(statement, {"parent_id": parent_id})), None)

    def previous(self, command_id: str) -> CommandEntity | None:
        return next(iter(self._heads(self._known.lock_previous, {"command_id": command_id})), None)

    def payloads(self, ids: Collection[str]) -> dict[str, Payload]:
        given = {"ids": self._known.ids(ids)}
        rows = self._connection.execute(self._known.payloads, given)
        return {row[0]: Payload(row[1], row[2] or {}) for row in rows}

    def insert(self, commands: Sequence[NewCommand]) -> None:
        for chunk in chunks(commands):
            rows = codec.json_rows(codec.new_row(one) for one in chunk)
            self._connection.execute(self._known.insert_commands, {"rows": rows})
        places = [one for one in commands if one.entity.parent_id]
        for chunk in chunks(places):
            rows = codec.json_rows(codec.place_row(one) for one in chunk)
            self._connection.execute(self._known.insert_places, {"rows": rows})

    def set_payload(self, command_id: str, payload: Payload) -> None:
        self._connection.execute(
            statements.SET_INPUTS, {"id_": command_id, "inputs_": dict(payload.inputs)}
        )

    def save(self, commands: Sequence[CommandEntity]) -> None:
        for chunk in chunks(commands):
            done = self._connection.execute(self._known.save_commands, self._changes(chunk))
            _must_be_all(done.rowcount, chunk)

    def _changes(self, commands: Sequence[CommandEntity]) -> dict[str, Any]:
        # All transactions take rows in one order: leaf before root.
        ordered = sorted(commands, key=lambda one: one.command_id, reverse=True)
        given = {"rows": codec.json_rows(codec.changed_row(one) for one in ordered)}
        if self._known.dialect == "postgresql":
            given["ids"] = self._known.ids(one.command_id for one in ordered)
        return given

    def finish(
        self,
        commands: Sequence[CommandEntity],
        transitions: Sequence[Transition],
        new: Sequence[NewCommand] = (),
    ) -> None:
        little = max(len(commands), len(transitions), len(new)) <= CHUNK
        if self._known.dialect != "postgresql" or not little or bool(commands) == bool(new):
            self.insert(new)
            self.save(commands)
            self.log(transitions)
            return
        log = {"log": codec.json_rows(codec.event_row(one) for one in transitions)}
        if new:
            self._say_last(self._known.insert_and_log, log | _insertions(new))
        else:
            changes = self._changes(commands)
            self._say_last(self._known.save_and_log, log | changes | {"wanted": len(commands)})

    def _say_last(self, statement: sa.Select[Any], given: dict[str, Any]) -> None:
        if self._open is not None:
            self._open.execute(statement, given)
            return
        # Nothing was read under a lock, so this one statement is the whole transaction: one round trip.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
            alone.execute(statement, given)

    def followers(self, command: CommandEntity, limit: int) -> list[NewCommand]:
        given = {"parent_id": command.parent_id, "order_": command.order, "limit_": limit}
        return [
            NewCommand(codec.to_entity(row[:-2]), Payload(row[-2], row[-1] or {}))
            for row in self._connection.execute(self._known.followers, given)
        ]

    def ready_parts(self, parent_id: str, limit: int) -> list[CommandEntity]:
        return self._heads(self._known.ready_parts, {"parent_id": parent_id, "limit_": limit})

    def set_values(self, values: Mapping[str, Any]) -> None:
        self._connection.execute(
            statements.SET_VALUE,
            [{"id_": command_id, "value_": value} for command_id, value in values.items()],
        )

    def log(self, transitions: Sequence[Transition]) -> None:
        for chunk in chunks(transitions):
            rows = codec.json_rows(codec.event_row(one) for one in chunk)
            self._connection.execute(self._known.append_events, {"rows": rows})

    def drop_parts(self, parent_id: str) -> None:
        below = _below(parent_id)
        ids = [row[0] for row in self._connection.execute(sa.select(below.c.command_id))]
        for chunk in chunks(ids):
            for table, column in (
                (entity_lock, entity_lock.c.command_id),
                (async_task, async_task.c.command_id),
                (command_sequence, command_sequence.c.entity_id),
                (command_entity, command_entity.c.command_id),
            ):
                self._connection.execute(sa.delete(table).where(column.in_(chunk)))

    def acquire(self, command: CommandEntity, now: datetime) -> Blocker | None:
        return self._locks.acquire(command, now)

    def release(self, command_ids: Collection[str]) -> list[str]:
        return self._locks.release(command_ids)

    def announce(self, roots: Sequence[str]) -> None:
        if self._known.dialect == "postgresql":
            for root in roots:
                self._connection.execute(ANNOUNCE, {"root": root})

    def insert_task(self, task: TaskEntity) -> None:
        rows = codec.json_rows([codec.task_row(task)])
        self._connection.execute(self._known.insert_tasks, {"rows": rows})

    def open_task(self, command_id: str) -> TaskEntity | None:
        statement = (
            sa.select(async_task)
            .where(async_task.c.command_id == command_id)
            .where(async_task.c.state != TaskState.CLEARED)
            .order_by(async_task.c.created_at.desc())
            .limit(1)
            .with_for_update()
        )
        row = self._connection.execute(statement).first()
        return None if row is None else codec.to_task(row)

    def find_task(self, report: TaskReport) -> TaskEntity | None:
        statement = sa.select(async_task).with_for_update()
        if report.task_id is not None:
            statement = statement.where(async_task.c.task_id == report.task_id)
        else:
            statement = statement.where(
                async_task.c.system == report.system,
                async_task.c.scope == report.scope,
                async_task.c.external_id == report.external_id,
                async_task.c.state != TaskState.CLEARED,
            )
        row = self._connection.execute(statement).first()
        return None if row is None else codec.to_task(row)

    def save_tasks(self, tasks: Sequence[TaskEntity]) -> None:
        for chunk in chunks(tasks):
            rows = codec.json_rows(codec.task_row(one) for one in chunk)
            self._connection.execute(self._known.save_tasks, {"rows": rows})

    def remember_request(self, key: str, digest: str, command_id: str) -> tuple[str, str] | None:
        known = sa.select(idempotency_key.c.digest, idempotency_key.c.command_id).where(
            idempotency_key.c.key == key
        )
        row = self._connection.execute(known).first()
        if row is not None:
            return row[0], row[1]
        try:
            self._connection.execute(
                sa.insert(idempotency_key).values(
                    key=key, digest=digest, command_id=command_id, created_at=sa_now()
                )
            )
        except IntegrityError as problem:
            raise ContendedError(
                f"request {key!r} is being submitted by somebody else"
            ) from problem
        return None

    def audit(self, actor: str, verb: str, command_id: str, reason: str, at: datetime) -> None:
        self._connection.execute(
            sa.insert(audit).values(
                actor=actor, verb=verb, command_id=command_id, reason=reason, at=at
            )
        )


def _insertions(new: Sequence[NewCommand]) -> dict[str, Any]:
    placed = [one for one in new if one.entity.parent_id]
    return {
        "rows": codec.json_rows(codec.new_row(one) for one in new),
        "places": codec.json_rows(codec.place_row(one) for one in placed),
    }


def _must_be_all(saved: int, commands: Sequence[CommandEntity]) -> None:
    if saved != len(commands):
        raise ContendedError(
            f"{len(commands) - saved} of {len(commands)} commands were changed by somebody else"
        )


def _below(command_id: str) -> sa.CTE:
    """Gives the ids of all commands below this one."""
    parts = (
        sa.select(command_sequence.c.entity_id.label("command_id"))
        .where(command_sequence.c.sequence_id == command_id)
        .cte("below", recursive=True)
    )
    return parts.union_all(
        sa.select(command_sequence.c.entity_id).join(
            parts, command_sequence.c.sequence_id == parts.c.command_id
        )
    )


def sa_now() -> sa.ColumnElement[datetime]:
    """Gives the database's own time, for columns that only people read."""
    return sa.func.now()
