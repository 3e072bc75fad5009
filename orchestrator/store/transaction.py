"""A transaction of the SQL store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from orchestrator.core.access import Grant, GrantAbout
from orchestrator.core.asynctask import TaskReport
from orchestrator.core.audit import Deed
from orchestrator.core.entity import (
    CommandEntity,
    NewCommand,
    Payload,
    TaskEntity,
    Transition,
    touches_of,
)
from orchestrator.core.errors import ContendedError
from orchestrator.core.ids import is_whole_id
from orchestrator.core.locks import Blocker
from orchestrator.core.pause import Pause
from orchestrator.core.status import Status, TaskState
from orchestrator.store import codec, statements
from orchestrator.store.auditing import write_deed
from orchestrator.store.direct import Direct
from orchestrator.store.granting import GrantBook
from orchestrator.store.locking import LockBook
from orchestrator.store.pausing import remove_pause, set_pause
from orchestrator.store.statements import CHUNK, NOTIFIED, Statements, chunks
from orchestrator.store.tables import (
    async_task,
    command_entity,
    command_sequence,
    entity_lock,
    idempotency_key,
    worker,
)


class SqlTransaction:
    """Implements `orchestrator.core.ports.Transaction` on one connection: a given one, or its own."""

    def __init__(
        self, engine: sa.Engine, known: Statements, connection: sa.Connection | None = None
    ) -> None:
        self._engine = engine
        self._known = known
        self._open = connection

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
            codec.to_entity(row)
            for chunk in chunks(list(ids))
            for row in self._known.lock_commands.run(
                self._connection, {"ids": self._known.ids(chunk)}
            )
        ]

    def look(self, ids: Collection[str], limit: int) -> list[NewCommand]:
        given = {"ids": self._known.ids(ids), "limit_": limit}
        if self._open is None and self._known.dialect == "postgresql":
            rows = self._known.look.run_alone(self._engine, given)
        else:
            rows = self._known.look.run(self._connection, given)
        return [codec.to_new(row) for row in rows]

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
        rows = self._known.payloads.run(self._connection, given)
        return {row[0]: codec.to_payload(row[1], row[2]) for row in rows}

    def insert(self, commands: Sequence[NewCommand]) -> None:
        for chunk in chunks(commands):
            rows = codec.json_rows(codec.new_row(one) for one in chunk)
            self._known.insert_commands.count(self._connection, {"rows": rows})
        places = [one for one in commands if one.entity.parent_id]
        for chunk in chunks(places):
            rows = codec.json_rows(codec.place_row(one) for one in chunk)
            self._known.insert_places.count(self._connection, {"rows": rows})
        for some in chunks(self._touches(commands)):
            self._known.insert_touches.count(self._connection, {"rows": codec.json_rows(some)})

    def _touches(self, commands: Sequence[NewCommand]) -> list[dict[str, Any]]:
        """Gives what these commands are about, once for each tree, beside the time of its root."""
        touched = {
            (*about, one.entity.root_id): None
            for one in commands
            for about in sorted(touches_of(one.entity))
        }
        if not touched:
            return []
        created = {one.entity.command_id: one.entity.created_at for one in commands}
        missing = {root_id for *_, root_id in touched} - created.keys()
        if missing:
            known = sa.select(command_entity.c.command_id, command_entity.c.created_at)
            rows = self._connection.execute(known.where(command_entity.c.command_id.in_(missing)))
            created |= {row[0]: row[1] for row in rows}
        return [
            {"entity_type": kind, "entity_id": one, "root_id": root, "created_at": created[root]}
            for kind, one, root in touched
        ]

    def set_payload(self, command_id: str, payload: Payload) -> None:
        self._connection.execute(
            statements.SET_INPUTS, {"id_": command_id, "inputs_": dict(payload.inputs)}
        )

    def save(self, commands: Sequence[CommandEntity]) -> None:
        self._save(commands, {})

    def _save(self, commands: Sequence[CommandEntity], values: Mapping[str, Any]) -> None:
        for chunk in chunks(commands):
            given = self._changes(chunk, values)
            _must_be_all(self._known.save_commands.count(self._connection, given), chunk)

    def _changes(
        self, commands: Sequence[CommandEntity], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        # All transactions take rows in one order: leaf before root.
        ordered = sorted(commands, key=lambda one: one.command_id, reverse=True)
        rows = [codec.changed_row(one) for one in ordered]
        for row in rows if values else ():
            row["return_value"] = values.get(row["command_id"])
        given = {"rows": codec.json_rows(rows)}
        if self._known.dialect == "postgresql":
            given["ids"] = self._known.ids(one.command_id for one in ordered)
        return given

    def finish(
        self,
        commands: Sequence[CommandEntity],
        transitions: Sequence[Transition],
        *,
        new: Sequence[NewCommand] = (),
        values: Mapping[str, Any] | None = None,
        ended_roots: Sequence[str] = (),
    ) -> None:
        little = max(len(commands), len(transitions), len(new)) <= CHUNK
        if self._known.dialect != "postgresql" or not little or bool(commands) == bool(new):
            self.insert(new)
            self._save(commands, values or {})
            self.log(transitions)
            self._announce(ended_roots)
            return
        log = {"log": codec.json_rows(codec.event_row(one) for one in transitions)}
        if new:
            self._announce(ended_roots)
            touches = {"touches": codec.json_rows(self._touches(new))}
            self._say_last(self._known.insert_and_log, log | _insertions(new) | touches)
        else:
            told = {"wanted": len(commands), "ended": self._known.ids(ended_roots)}
            changes = self._changes(commands, values or {})
            self._say_last(self._known.save_and_log, log | changes | told)

    def _announce(self, ended_roots: Sequence[str]) -> None:
        if ended_roots and self._known.dialect == "postgresql":
            given = {"ended": self._known.ids(ended_roots)}
            self._connection.execute(sa.select(NOTIFIED), given)

    def _say_last(self, statement: Direct, given: dict[str, Any]) -> None:
        if self._open is not None:
            statement.run(self._open, given)
        else:
            # Nothing was read under a lock, so this one statement is the whole transaction.
            statement.run_alone(self._engine, given)

    def ready(self, kinds: Collection[str], limit: int, ahead: int) -> list[NewCommand]:
        most = limit
        while True:
            given = {"kinds": self._known.texts(kinds), "most": most, "limit_": ahead}
            found = [codec.to_new(row) for row in self._known.ready.run(self._connection, given)]
            wanted = limit + sum(one.entity.unreadable is not None for one in found)
            if wanted <= most:  # those that cannot be read must not keep others from their turn
                return found
            most = wanted

    def log(self, transitions: Sequence[Transition]) -> None:
        for chunk in chunks(transitions):
            rows = codec.json_rows(codec.event_row(one) for one in chunk)
            self._known.append_events.count(self._connection, {"rows": rows})

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

    def insert_task(self, task: TaskEntity) -> None:
        rows = codec.json_rows([codec.task_row(task)])
        self._known.insert_tasks.count(self._connection, {"rows": rows})

    def open_task(self, command_id: str) -> TaskEntity | None:
        given = {"ids": self._known.ids([command_id])}
        rows = self._known.open_task.run(self._connection, given)
        return codec.to_task(rows[0]) if rows else None

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
            self._known.save_tasks.count(self._connection, {"rows": rows})

    def starting(self, system: str, scope: str) -> set[str]:
        columns = async_task.c
        statement = sa.select(columns.verb).where(
            columns.system == system,
            columns.scope == scope,
            columns.state != TaskState.CLEARED,
            columns.external_id.is_(None),
        )
        return {row[0] for row in self._connection.execute(statement)}

    def same_tasks(self, system: str, scope: str, ids: Collection[str]) -> list[TaskEntity]:
        columns, found = async_task.c, list[TaskEntity]()
        for chunk in chunks(list(ids)):
            own = [one for one in chunk if is_whole_id(one)]
            statement = sa.select(async_task).where(
                columns.system == system,
                columns.scope == scope,
                sa.or_(columns.external_id.in_(chunk), columns.task_id.in_(own)),
            )
            found.extend(codec.to_task(row) for row in self._connection.execute(statement))
        return found

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

    def lease_of(self, worker_id: str) -> datetime | None:
        statement = sa.select(worker.c.alive_until).where(worker.c.worker_id == worker_id)
        found: datetime | None = self._connection.execute(statement.with_for_update()).scalar()
        return found

    def grants(self, about: GrantAbout, subject: str) -> list[Grant]:
        return GrantBook(self._connection).find(about, subject)

    def grant(self, grant: Grant) -> None:
        GrantBook(self._connection).add(grant)

    def withdraw(self, about: GrantAbout, subject: str, vendor: str) -> bool:
        return GrantBook(self._connection).remove(about, subject, vendor)

    def pause(self, given: Pause) -> None:
        set_pause(self._connection, given)

    def unpause(self, subject: str) -> bool:
        return remove_pause(self._connection, subject)

    def audit(self, deed: Deed) -> None:
        write_deed(self._connection, deed)


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
