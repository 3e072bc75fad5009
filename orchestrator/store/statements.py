"""The statements that change commands: each written once, for any number of rows, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from orchestrator.core.status import FINAL, Status, TaskState
from orchestrator.store import codec
from orchestrator.store.direct import Direct
from orchestrator.store.tables import (
    async_task,
    command_entity,
    command_sequence,
    entity_touch,
    event,
)
from orchestrator.store.types import Json

_c, _s = command_entity.c, command_sequence.c
CHUNK = 2_000  # rows or ids of one statement: keeps a large plan's memory in bounds
T = TypeVar("T")
IDS = ARRAY(sa.Uuid(as_uuid=False))
TEXTS = ARRAY(sa.Text())

COLUMNS_AHEAD = (*codec.HEAD, _c.parameters, _c.inputs)
ENDED_CHANNEL = "orchestrator_ended"
PLACED = command_entity.outerjoin(command_sequence, _s.entity_id == _c.command_id)
HEADS = sa.select(*codec.HEAD).select_from(PLACED)
_below = command_entity.alias("below")


def is_live(columns: Any) -> list[sa.ColumnElement[bool]]:
    """Says so with the very words of the index, so that no planner needs to know a value to use it."""
    return [columns.action_state != sa.literal_column(f"'{one}'") for one in sorted(FINAL)]


NOT_TOLD = (
    sa.select(_below.c.command_id, _c.stopping, _c.message)
    .select_from(
        command_entity.join(command_sequence, _s.sequence_id == _c.command_id).join(
            _below, _below.c.command_id == _s.entity_id
        )
    )
    .where(
        _c.stopping.is_not(None),
        *is_live(_c),
        _below.c.stopping.is_(None),
        *is_live(_below.c),
    )
    .limit(sa.bindparam("limit_"))
)
"""Parts that go on while what they are part of is being stopped."""
ASLEEP = (
    sa.select(_c.command_id)
    .where(_c.stopping.is_not(None), *is_live(_c))
    .where(_c.action_state.in_([Status.READY.value, Status.DELAYED.value]), _c.wake_at.is_(None))
    .limit(sa.bindparam("limit_"))
)
"""What is being stopped and is due, and nobody will wake it."""
NOTIFIED = sa.select(
    sa.func.pg_notify(
        ENDED_CHANNEL,
        sa.func.unnest(sa.cast(sa.bindparam("ended", type_=sa.Text()), ARRAY(sa.Text()))),
    ).label("told")
).subquery("notified")
"""Tells those who wait for them that the roots `ended` have, when the transaction has."""


class Statements:
    """The statements for one dialect. They differ only in how a JSON parameter becomes rows."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    def ids_in(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Matches a column with the parameter `ids`: one statement for any number of them."""
        return self._is_one_of(column, "ids", IDS)

    def ids(self, ids: Iterable[str]) -> str:
        """Gives the value of the parameter `ids`: the text of an array."""
        return f"{{{','.join(ids)}}}" if self.dialect == "postgresql" else json.dumps(list(ids))

    def texts(self, texts: Iterable[str]) -> str:
        """Gives the value of a parameter of any texts: likewise, with quotes."""
        if self.dialect != "postgresql":
            return json.dumps(list(texts))
        quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
        return "{" + ",".join(f'"{one}"' for one in quoted) + "}"

    def _is_one_of(
        self, column: sa.ColumnElement[Any], parameter: str, array: ARRAY[Any] = TEXTS
    ) -> sa.ColumnElement[bool]:
        if self.dialect == "postgresql":
            return column == sa.func.any(_unseen(parameter, array))
        each = sa.func.json_each(sa.bindparam(parameter, type_=sa.Text())).table_valued("value")
        return column.in_(sa.select(each.c.value))

    def _direct(self, statement: Any) -> Direct:
        return Direct(statement, self.dialect)

    def _rows(self, table: sa.Table, names: tuple[str, ...]) -> Any:
        return codec.rows_source(table, names, self.dialect)

    @cached_property
    def insert_commands(self) -> Direct:
        return self._direct(self._inserted)

    @property
    def _inserted(self) -> sa.Insert:
        rows = self._rows(command_entity, codec.COMMAND_COLUMNS)
        return sa.insert(command_entity).from_select(
            codec.COMMAND_COLUMNS, sa.select(*(rows.c[name] for name in codec.COMMAND_COLUMNS))
        )

    @cached_property
    def insert_places(self) -> Direct:
        rows = self._rows(command_sequence, codec.PLACE_COLUMNS)
        return self._direct(
            sa.insert(command_sequence).from_select(
                codec.PLACE_COLUMNS, sa.select(*(rows.c[name] for name in codec.PLACE_COLUMNS))
            )
        )

    @cached_property
    def insert_touches(self) -> Direct:
        return self._direct(self._touched("rows"))

    def _touched(self, parameter: str) -> sa.Insert:
        """Notes which trees are about which entities; what is noted already stays."""
        names = codec.TOUCH_COLUMNS
        rows = codec.rows_source(entity_touch, names, self.dialect, name="t", parameter=parameter)
        chosen = sa.select(*(rows.c[name] for name in names))
        if self.dialect != "postgresql":
            return sa.insert(entity_touch).prefix_with("OR IGNORE").from_select(names, chosen)
        return postgresql_insert(entity_touch).from_select(names, chosen).on_conflict_do_nothing()

    @cached_property
    def append_events(self) -> Direct:
        rows = self._rows(event, codec.LOG_COLUMNS)
        return self._direct(
            sa.insert(event).from_select(
                codec.LOG_COLUMNS, sa.select(*(rows.c[name] for name in codec.LOG_COLUMNS))
            )
        )

    @cached_property
    def save_commands(self) -> Direct:
        return self._direct(self._saved)

    @property
    def _saved(self) -> sa.Update:
        """Compare-and-set: a row that does not stand at the revision before is left alone."""
        rows = self._rows(command_entity, (*codec.CHANGED_COLUMNS, "return_value"))
        changed = {_c[name]: rows.c[name] for name in codec.CHANGED_COLUMNS if name != "command_id"}
        changed[_c.return_value] = sa.func.coalesce(rows.c.return_value, _c.return_value)
        update = (
            sa.update(command_entity)
            .values(changed)
            .where(_c.command_id == rows.c.command_id, _c.revision == rows.c.revision - 1)
        )
        if self.dialect != "postgresql":
            return update  # SQLite would go through the whole JSON array for each of the ids
        # Said twice, or PostgreSQL, which takes every JSON array for a hundred rows, reads the whole table.
        return update.where(self.ids_in(_c.command_id))

    @cached_property
    def insert_and_log(self) -> Direct:
        """All rows of new commands in one statement, for PostgreSQL."""
        commands = self._inserted.returning(_c.command_id).cte("stored")
        rows = codec.rows_source(
            command_sequence, codec.PLACE_COLUMNS, self.dialect, name="p", parameter="places"
        )
        places = (
            sa.insert(command_sequence)
            .from_select(
                codec.PLACE_COLUMNS, sa.select(*(rows.c[name] for name in codec.PLACE_COLUMNS))
            )
            .returning(_s.entity_id)
            .cte("placed")
        )
        touched = self._touched("touches").returning(entity_touch.c.root_id).cte("touched")
        stored = sa.select(sa.func.count()).select_from(commands)
        return self._direct(stored.add_cte(places).add_cte(touched).add_cte(self._logged()))

    @cached_property
    def save_and_log(self) -> Direct:
        """Both in one statement, and the word to those who wait for the roots `ended`, for PostgreSQL.

        It may be a transaction of its own, so it must not save some rows only: then it divides by zero, which
        undoes it and is told as contention.
        """
        saved = self._saved.returning(_c.command_id).cte("saved")
        all_saved = sa.case((sa.func.count() == sa.bindparam("wanted"), 1), else_=0)
        told = sa.select(sa.func.count(NOTIFIED.c.told)).scalar_subquery()
        return self._direct(
            sa.select(1 // all_saved, told).select_from(saved).add_cte(self._logged())
        )

    def _logged(self) -> sa.CTE:
        moves = codec.rows_source(event, codec.LOG_COLUMNS, self.dialect, name="e", parameter="log")
        return (
            sa.insert(event)
            .from_select(
                codec.LOG_COLUMNS, sa.select(*(moves.c[name] for name in codec.LOG_COLUMNS))
            )
            .returning(event.c.seq)
            .cte("logged")
        )

    @cached_property
    def heads(self) -> Direct:
        return self._direct(HEADS.where(self.ids_in(_c.command_id)))

    @cached_property
    def lock_commands(self) -> Direct:
        """Leaf before root, for a part's id is greater than its parent's: all lock in one order."""
        return self._direct(
            HEADS.where(self.ids_in(_c.command_id))
            .order_by(_c.command_id.desc())
            .with_for_update(of=command_entity)
        )

    @cached_property
    def lock_parts(self) -> sa.Select[Any]:
        return (
            HEADS.where(_s.sequence_id == sa.bindparam("parent_id"))
            .order_by(_s.order_in_sequence, _c.command_id)
            .with_for_update(of=command_entity)
        )

    @cached_property
    def lock_parts_in(self) -> sa.Select[Any]:
        statuses: sa.BindParameter[Any] = sa.bindparam("statuses", expanding=True)
        return self.lock_parts.where(_c.action_state.in_(statuses))

    def lock_edge(self, *, last: bool) -> sa.Select[Any]:
        order = _s.order_in_sequence.desc() if last else _s.order_in_sequence.asc()
        return (
            sa.select(*codec.HEAD)
            .select_from(command_sequence.join(command_entity, _s.entity_id == _c.command_id))
            .where(_s.sequence_id == sa.bindparam("parent_id"), _s.order_in_sequence >= 0)
            .order_by(order)
            .limit(1)
            .with_for_update(of=command_entity)
        )

    @cached_property
    def lock_first(self) -> sa.Select[Any]:
        return self.lock_edge(last=False)

    @cached_property
    def lock_last(self) -> sa.Select[Any]:
        return self.lock_edge(last=True)

    @cached_property
    def lock_previous(self) -> sa.Select[Any]:
        return (
            sa.select(*codec.HEAD)
            .select_from(command_sequence.join(command_entity, _s.entity_id == _c.command_id))
            .where(_s.next_command_id == sa.bindparam("command_id"))
            .with_for_update(of=command_entity)
        )

    @cached_property
    def look(self) -> Direct:
        """The commands `ids`, the parents of those, and up to `limit_` parts that follow each in its sequence."""
        return self._direct(_with_ahead(self._ids_alone(), self.ids_in))

    def _ids_alone(self) -> sa.Select[Any]:
        if self.dialect == "postgresql":
            return sa.select(sa.func.unnest(_unseen("ids", IDS)))
        ids = sa.bindparam("ids", type_=sa.Text())
        return sa.select(sa.func.json_each(ids).table_valued("value").c.value)

    @cached_property
    def ready(self) -> Direct:
        """The same for up to `most` that are ready, once they are locked."""
        locked = (
            sa.select(_c.command_id)
            .where(
                _c.action_state == sa.literal_column(f"'{Status.READY.value}'"),
                self._is_one_of(_c.action_type, "kinds"),
            )
            .order_by(_c.created_at, _c.command_id)
            .limit(_unseen("most", sa.Integer()))
            .with_for_update(skip_locked=True)
            .cte("locked")
        )
        ids = sa.select(locked.c.command_id)
        return self._direct(_with_ahead(ids, lambda column: column.in_(ids)))

    @cached_property
    def payloads(self) -> Direct:
        return self._direct(
            sa.select(_c.command_id, _c.parameters, _c.inputs).where(self.ids_in(_c.command_id))
        )

    @cached_property
    def insert_tasks(self) -> Direct:
        rows = self._rows(async_task, codec.TASK_COLUMNS)
        return self._direct(
            sa.insert(async_task).from_select(
                codec.TASK_COLUMNS, sa.select(*(rows.c[name] for name in codec.TASK_COLUMNS))
            )
        )

    @cached_property
    def open_task(self) -> Direct:
        """Gives the newest task of a command that has not been cleared, locked."""
        columns = async_task.c
        return self._direct(
            sa.select(async_task)
            .where(self.ids_in(columns.command_id), columns.state != TaskState.CLEARED.value)
            .order_by(columns.created_at.desc(), columns.attempt.desc())
            .limit(1)
            .with_for_update()
        )

    @cached_property
    def save_tasks(self) -> Direct:
        rows = self._rows(async_task, codec.TASK_COLUMNS)
        changed = {
            async_task.c[name]: rows.c[name] for name in codec.TASK_COLUMNS if name != "task_id"
        }
        return self._direct(
            sa.update(async_task).values(changed).where(async_task.c.task_id == rows.c.task_id)
        )


VALUES = sa.select(_c.command_id, _c.return_value).where(
    _c.command_id.in_(sa.bindparam("ids", expanding=True)), _c.outcome == "succeeded"
)
SET_INPUTS = (
    sa.update(command_entity)
    .where(_c.command_id == sa.bindparam("id_"))
    .values(inputs=sa.bindparam("inputs_", type_=Json))
)


def _with_ahead(
    ids: sa.Select[Any], is_one: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]
) -> sa.Select[Any]:
    """Selects these commands, the parents of those, and up to `limit_` parts that follow each in its sequence."""
    own, following = command_sequence.alias("own"), command_sequence.alias("following")
    last = own.c.order_in_sequence + sa.bindparam("limit_")
    wanted = sa.union(
        ids,
        sa.select(own.c.sequence_id).where(is_one(own.c.entity_id)),
        sa.select(following.c.entity_id)
        .join(own, own.c.sequence_id == following.c.sequence_id)
        .where(is_one(own.c.entity_id), own.c.next_command_id.is_not(None))
        .where(following.c.order_in_sequence > own.c.order_in_sequence)
        .where(following.c.order_in_sequence <= last),
    )
    return sa.select(*COLUMNS_AHEAD).select_from(PLACED).where(_c.command_id.in_(wanted))


def _unseen(name: str, type_: sa.types.TypeEngine[Any]) -> sa.Cast[Any]:
    """Gives a parameter that PostgreSQL's planner does not look at.

    Seeing that it is given three ids and not ten, it would plan a prepared statement anew each time: that takes
    longer than the statement.
    """
    return sa.cast(sa.select(sa.bindparam(name, type_=type_)).scalar_subquery(), type_)


def chunks(items: Sequence[T]) -> Iterator[list[T]]:
    """Gives the items in lists of bounded length."""
    for start in range(0, len(items), CHUNK):
        yield list(items[start : start + CHUNK])
