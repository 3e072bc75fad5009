"""The command repository: what people and programs read, outside any transaction of ours."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity, Payload, TaskEntity, Transition
from orchestrator.core.errors import BadInputError
from orchestrator.core.ids import is_whole_id, range_of_parts
from orchestrator.core.locks import Lock, LockMode, LockRow
from orchestrator.core.status import Status
from orchestrator.store import codec, statements
from orchestrator.store.direct import Direct
from orchestrator.store.reads import Reads
from orchestrator.store.statements import Statements
from orchestrator.store.tables import (
    async_task,
    command_entity,
    command_sequence,
    entity_lock,
    event,
)

_c, _s = command_entity.c, command_sequence.c


class Reading:
    """Reads commands, their trees, tasks, locks and history."""

    _known: Statements

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def alone(self, statement: Direct, given: Mapping[str, Any]) -> list[Any]:
        """Runs one statement that is a transaction of its own."""
        raise NotImplementedError

    def _heads(self, statement: sa.Select[Any], **parameters: Any) -> list[CommandEntity]:
        with self.reading() as connection:
            return [codec.to_entity(row) for row in connection.execute(statement, parameters)]

    def get(self, command_id: str) -> CommandEntity | None:
        """Gives a command, or None."""
        rows = self.alone(self._known.heads, {"ids": self._known.ids([command_id])})
        return codec.to_entity(rows[0]) if rows else None

    def payload(self, command_id: str) -> Payload | None:
        """Gives a command's parameters and inputs."""
        rows = self.alone(self._known.payloads, {"ids": self._known.ids([command_id])})
        return codec.to_payload(rows[0][1], rows[0][2]) if rows else None

    def value(self, command_id: str) -> Any:
        """Gives a command's return value, or None."""
        with self.reading() as connection:
            statement = sa.select(_c.return_value).where(_c.command_id == command_id)
            return codec.to_value(command_id, connection.execute(statement).scalar())

    def values(self, ids: Collection[str]) -> dict[str, Any]:
        """Gives the return values of those of these commands that have succeeded."""
        found: dict[str, Any] = {}
        with self.reading() as connection:
            for chunk in statements.chunks(list(ids)):
                rows = connection.execute(statements.VALUES, {"ids": chunk})
                found.update({row[0]: codec.to_value(row[0], row[1]) for row in rows})
        return found

    def tree(self, command_id: str) -> list[CommandEntity]:
        """Gives a command and all below it, each parent before its parts, parts in order."""
        command = self.get(command_id)
        if command is None:
            return []
        if command.is_root:
            low, high = range_of_parts(command_id)
            found = [
                command,
                *self._heads(statements.HEADS.where(_c.command_id.between(low, high))),
            ]
        else:
            below = _subtree(command_id)
            found = self._heads(
                statements.HEADS.where(_c.command_id.in_(sa.select(below.c.command_id)))
            )
        return _in_order(command_id, found)

    def subtree_ids(self, command_id: str, statuses: Collection[Status]) -> list[str]:
        """Gives the ids of a command and all below it that are in one of these statuses."""
        below = _subtree(command_id)
        statement = sa.select(_c.command_id).where(
            _c.command_id.in_(sa.select(below.c.command_id)),
            _c.action_state.in_([one.value for one in statuses]),
        )
        with self.reading() as connection:
            return [row[0] for row in connection.execute(statement)]

    def history(self, command_id: str) -> list[Transition]:
        """Gives all that happened to one command, oldest first."""
        statement = sa.select(event).where(event.c.command_id == command_id).order_by(event.c.seq)
        with self.reading() as connection:
            return [codec.to_transition(row) for row in connection.execute(statement)]

    def find_ids(self, prefix: str, limit: int) -> list[str]:
        """Gives ids that begin so; roots first."""
        text = sa.cast(_c.command_id, sa.Text)
        low, high = prefix_range(prefix)
        statement = (
            sa.select(_c.command_id)
            .where(_c.command_id >= low, _c.command_id <= high, text.like(f"{prefix}%"))
            .order_by(_c.parent_id.is_not(None), _c.command_id)
            .limit(limit)
        )
        with self.reading() as connection:
            return [row[0] for row in connection.execute(statement)]

    def locks(self, command_id: str | None = None) -> list[LockRow]:
        """Gives who holds or waits for which lock; of one tree, if a command is named."""
        columns = entity_lock.c
        statement = sa.select(entity_lock).order_by(
            columns.entity_type, columns.entity_id, columns.held.desc(), columns.place
        )
        if command_id is not None:
            statement = statement.where(
                sa.or_(columns.command_id == command_id, columns.root_id == command_id)
            )
        with self.reading() as connection:
            return [
                LockRow(
                    lock=Lock(row.entity_type, row.entity_id, LockMode(row.mode)),
                    command_id=row.command_id,
                    root_id=row.root_id,
                    held=bool(row.held),
                    since=row.since,
                )
                for row in connection.execute(statement)
            ]

    def tasks(self, command_ids: Collection[str]) -> list[TaskEntity]:
        """Gives the async tasks of these commands, oldest first."""
        statement = (
            sa.select(async_task)
            .where(async_task.c.command_id.in_(list(command_ids)))
            .order_by(async_task.c.created_at, async_task.c.attempt)
        )
        with self.reading() as connection:
            return codec.to_tasks(connection.execute(statement))


def _subtree(command_id: str) -> sa.CTE:
    found = (
        sa.select(_c.command_id).where(_c.command_id == command_id).cte("subtree", recursive=True)
    )
    return found.union_all(
        sa.select(_s.entity_id).join(found, _s.sequence_id == found.c.command_id)
    )


def _in_order(top: str, found: list[CommandEntity]) -> list[CommandEntity]:
    parts: dict[str | None, list[CommandEntity]] = {}
    for command in found:
        parts.setdefault(command.parent_id, []).append(command)
    ordered: list[CommandEntity] = []
    stack = [one for one in found if one.command_id == top]
    while stack:
        command = stack.pop()
        ordered.append(command)
        below = parts.get(command.command_id, ())
        # what was attached later has no place in the plan and comes last
        stack.extend(
            sorted(below, key=lambda one: (one.order < 0, one.order, one.command_id), reverse=True)
        )
    return ordered


def write_cursor(item: CommandEntity | TaskEntity) -> str:
    """Gives the cursor of what comes after the item in a list of the newest first."""
    at = item.created_at.isoformat() if item.created_at else ""
    own_id = item.command_id if isinstance(item, CommandEntity) else item.task_id
    return base64.urlsafe_b64encode(f"{at} {own_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Gives the time and the id in a cursor. Raises BadInputError."""
    try:
        at, command_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        since = datetime.fromisoformat(at)
    except ValueError as problem:
        raise BadInputError(f"the cursor {cursor!r} was not given by this server") from problem
    if not is_whole_id(command_id):
        raise BadInputError(f"the cursor {cursor!r} was not given by this server")
    return since, command_id


def prefix_range(prefix: str) -> tuple[str, str]:
    """Gives the least and the greatest id with this prefix, so that an index serves."""
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > 32 or any(one not in "0123456789abcdef" for one in digits):
        raise BadInputError(f"{prefix!r} is not the beginning of a command's id")
    return _dashed(digits.ljust(32, "0")), _dashed(digits.ljust(32, "f"))


def _dashed(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
