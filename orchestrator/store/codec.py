"""Between rows and entities; and rows as one JSON parameter, so that one statement writes any number of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity, Transition
from orchestrator.core.errors import UnreadableError
from orchestrator.core.status import Mode, Outcome, Phase, Status, TaskState, Verbs
from orchestrator.store.garbled import (
    NO_TIME,
    SHOWN,
    Garbled,
    is_sound,
    locks_of,
    unreadable,
)
from orchestrator.store.tables import (
    async_task,
    command_entity,
    command_sequence,
    entity_touch,
    event,
)
from orchestrator.store.types import Instant, instant_text

_c, _s = command_entity.c, command_sequence.c

HEAD: tuple[sa.ColumnElement[Any], ...] = (
    _c.command_id, _c.root_id, _c.parent_id, _c.action_type, _c.version, _c.label,
    _c.action_state, _c.phase, _c.mode, _c.verbs, _c.in_sequence, _c.best_effort,
    _s.order_in_sequence, _s.next_command_id, _c.parts, _c.pending, _c.outcome, _c.stopping,
    _c.revision, _c.attempt, _c.tries, _c.deaths, _c.nudges, _c.worker_id, _c.wake_at,
    _c.deadline, _c.locks, _c.entity_name, _c.entity_id, _c.owner_id, _c.owner_type,
    _c.correlation_id, _c.message, _c.progress, _c.weight, _c.visible_to_ui, _c.created_at,
    _c.start_time, _c.end_time, _c.last_update_time, _c.restarts,
    _c.stuck,
)  # fmt: skip
"""The columns of a `CommandEntity`, in the order of its fields."""

_STATUS = {one.value: one for one in Status}
_PHASE = {one.value: one for one in Phase}
_VERBS = {value: Verbs(value) for value in range(2 * max(Verbs))}
_MODE: dict[str | None, Mode | None] = {None: None, **{one.value: one for one in Mode}}
_OUTCOME: dict[str | None, Outcome | None] = {
    None: None,
    **{one.value: one for one in Outcome},
}


_NAMES = tuple(column.name for column in HEAD)


def to_entity(row: Any) -> CommandEntity:
    """Reads the `HEAD` columns of a row; never raises for what they hold."""
    try:
        numbers = (row[4], row[14], row[15], *row[18:23], row[34], *row[40:42])
        if is_sound(numbers, (*row[24:26], *row[36:40]), row[33]):
            return _entity(row)
    except (KeyError, ValueError, TypeError):
        pass
    return unreadable(_NAMES, row)


def _entity(row: Any) -> CommandEntity:
    values: tuple[Any, ...] = (
        *row[:6],
        _STATUS[row[6]],
        _PHASE[row[7]],
        _MODE[row[8]],
        _VERBS[row[9]],
        bool(row[10]),
        bool(row[11]),
        row[12] or 0,
        *row[13:16],
        _OUTCOME[row[16]],
        _OUTCOME[row[17]],
        *row[18:26],
        locks_of(row[26]),
        *row[27:35],
        bool(row[35]),
        *row[36:],
    )
    return CommandEntity(*values)


def to_new(row: Any) -> NewCommand:
    """Reads the `HEAD` columns of a row, its parameters and its inputs."""
    return NewCommand(to_entity(row[:-2]), to_payload(row[-2], row[-1]))


def to_payload(parameters: Any, inputs: Any) -> Payload:
    """Reads the JSON of a command; never raises for what it holds."""
    for name, value in (("parameters", parameters), ("inputs", inputs or {})):
        if not isinstance(value, dict):
            text = str(getattr(value, "text", value))[:SHOWN]
            return Payload({}, unreadable=f"its row cannot be read: {name} holds {text!r}")
    return Payload(parameters, inputs or {})


def to_value(command_id: str, value: Any) -> Any:
    """Reads a return value. Raises UnreadableError for what is no JSON."""
    if isinstance(value, Garbled):
        raise UnreadableError(
            f"the row of command {command_id} cannot be read: return_value holds {value.text[:SHOWN]!r}"
        )
    return value


def changed_row(command: CommandEntity) -> dict[str, Any]:
    """Gives the columns that a saved command may have changed."""
    return {
        "command_id": command.command_id,
        "action_state": command.status,
        "phase": command.phase,
        "mode": command.mode,
        "parts": command.parts,
        "pending": command.pending,
        "outcome": command.outcome,
        "stopping": command.stopping,
        "revision": command.revision,
        "attempt": command.attempt,
        "tries": command.tries,
        "deaths": command.deaths,
        "nudges": command.nudges,
        "worker_id": command.worker_id,
        "wake_at": command.wake_at,
        "message": command.message,
        "progress": command.progress,
        "start_time": command.start_time,
        "end_time": command.end_time,
        "last_update_time": command.last_update_time,
        "restarts": command.restarts,
        "stuck": command.stuck,
    }


def new_row(new: NewCommand) -> dict[str, Any]:
    """Gives all columns of a command that is stored for the first time."""
    entity = new.entity
    return changed_row(entity) | {
        "root_id": entity.root_id,
        "parent_id": entity.parent_id,
        "action_type": entity.kind,
        "version": entity.version,
        "label": entity.label,
        "verbs": int(entity.verbs),
        "in_sequence": entity.in_sequence,
        "best_effort": entity.best_effort,
        "deadline": entity.deadline,
        "locks": [(one.entity_type, one.entity_id, one.mode) for one in entity.locks] or None,
        "entity_name": entity.entity_type,
        "entity_id": entity.entity_id,
        "owner_id": entity.owner_id,
        "owner_type": entity.owner_type,
        "correlation_id": entity.correlation_id,
        "weight": entity.weight,
        "visible_to_ui": entity.visible_to_ui,
        "created_at": entity.created_at,
        "parameters": new.payload.parameters,
        "inputs": new.payload.inputs or None,
    }


def place_row(new: NewCommand) -> dict[str, Any]:
    """Gives the place of a part in its parent."""
    entity = new.entity
    return {
        "entity_id": entity.command_id,
        "sequence_id": entity.parent_id,
        "order_in_sequence": entity.order,
        "next_command_id": entity.next_id,
        "initiator_command_id": entity.root_id,
    }


def event_row(transition: Transition) -> dict[str, Any]:
    """Gives the columns of a row of the event log."""
    return {
        "command_id": transition.command_id,
        "root_id": transition.root_id,
        "revision": transition.revision,
        "path": " ".join(transition.path),
        "phase": transition.phase,
        "causes": " ".join(transition.causes),
        "attempt": transition.attempt,
        "worker_id": transition.worker_id,
        "message": transition.message,
        "progress": transition.progress,
        "at": transition.at,
        "actor": transition.actor,
    }


EVENT_COLUMNS = tuple(column for column in event.c)


def to_transition(row: sa.Row[Any]) -> Transition:
    """Reads a row of the event log; never raises for what it holds."""
    path = tuple(_STATUS[one] for one in str(row.path).split() if one in _STATUS)
    is_whole = len(path) == len(str(row.path).split()) > 0 and row.phase in _PHASE
    return Transition(
        command_id=row.command_id,
        root_id=row.root_id,
        revision=row.revision,
        path=path or (Status.NEEDS_ATTENTION,),
        phase=_PHASE.get(row.phase, Phase.EXECUTE),
        causes=tuple(str(row.causes).split()),
        attempt=row.attempt,
        worker_id=row.worker_id,
        message=row.message if is_whole else f"event {row.seq} cannot be read: {row.path!r}",
        progress=row.progress,
        at=row.at if isinstance(row.at, datetime) else NO_TIME,
        seq=row.seq,
        actor=row.actor,
    )


def task_row(task: TaskEntity) -> dict[str, Any]:
    """Gives all columns of an async task."""
    return {name: getattr(task, name) for name in TASK_COLUMNS}  # `asdict` would copy its JSON


def to_tasks(rows: Iterable[Iterable[Any]]) -> list[TaskEntity]:
    """Reads rows of `async_task`; leaves out those that cannot be read, which are in no other's way."""
    found = []
    for row in rows:
        with suppress(UnreadableError):
            found.append(to_task(row))
    return found


def to_task(row: Iterable[Any]) -> TaskEntity:
    """Reads a row of `async_task`, with all its columns. Raises UnreadableError."""
    stored = dict(zip(_TASK_STORED, row, strict=True))
    values = {name: stored[name] for name in TASK_COLUMNS}
    garbled = [name for name, value in values.items() if isinstance(value, Garbled)]
    if garbled or not isinstance(values["request"], dict):
        raise UnreadableError(
            f"async task {values['task_id']} cannot be read: {garbled or 'request'}"
        )
    try:
        values["state"] = TaskState(values["state"])
        values["status"] = TaskStatus(values["status"])
    except ValueError as problem:
        raise UnreadableError(
            f"async task {values['task_id']} cannot be read: {problem}"
        ) from problem
    values["detail"] = values["detail"] or {}
    values["stop_requested"] = bool(values["stop_requested"])
    values["found"] = bool(values["found"])
    return TaskEntity(**values)


LEAST, MOST = -(2**63), 2**64 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL, and halves of characters


# --- rows as one JSON parameter -----------------------------------------------------------------


def json_rows(rows: Iterable[dict[str, Any]]) -> str:
    """Gives rows as the text of one JSON array, for `rows_source`.

    What came from outside and is in no database's reach is made storable: a task is not lost for its message.
    """
    listed = list(rows)
    try:
        text = _json(listed)
    except TypeError:
        return _json(storable(listed))
    return _json(storable(listed)) if "\\u0000" in text else text


def storable(value: Any) -> Any:
    """Gives a value with greater numbers as texts, and with texts of which each character can be stored."""
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case dict():
            return {storable(key): storable(one) for key, one in value.items()}
        case list() | tuple():
            return [storable(one) for one in value]
        case int() if not LEAST <= value <= MOST:
            return str(value)
        case _:
            return value


def _json(rows: Any) -> str:
    return orjson.dumps(rows, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    raise TypeError(f"{value!r} cannot be stored")


def rows_source(
    table: sa.Table, names: Iterable[str], dialect: str, *, name: str = "v", parameter: str = "rows"
) -> FromClause:
    """Gives the FROM clause that turns a parameter back into rows with the table's types."""
    columns = [table.c[name] for name in names]
    text = sa.bindparam(parameter, type_=sa.Text())
    if dialect == "postgresql":
        typed = [sa.column(one.name, _postgres_type(one)) for one in columns]
        return (
            sa.func.json_to_recordset(sa.cast(text, sa.JSON))
            .table_valued(*typed)
            .render_derived(name=name, with_types=True)
        )
    each = sa.func.json_each(text).table_valued("value", name="j")
    extracted = [_extracted(each.c.value, one).label(one.name) for one in columns]
    return sa.select(*extracted).select_from(each).subquery(name)


def _extracted(row: sa.ColumnElement[Any], column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Gives one value of a row in SQLite; what is JSON stays the text that it is, null is no value."""
    if isinstance(column.type, sa.JSON):
        return sa.func.nullif(row.op("->")(f"$.{column.name}"), "null")
    return sa.func.json_extract(row, f"$.{column.name}")


def _postgres_type(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    return sa.DateTime(timezone=True) if isinstance(column.type, Instant) else column.type


COMMAND_COLUMNS = (
    "command_id", "root_id", "parent_id", "action_type", "version", "label", "action_state",
    "phase", "mode", "verbs", "in_sequence", "best_effort", "parts", "pending", "outcome",
    "stopping", "revision", "attempt", "tries", "deaths", "nudges", "worker_id", "wake_at",
    "deadline", "locks", "entity_name", "entity_id", "owner_id", "owner_type", "correlation_id",
    "message", "progress", "weight", "visible_to_ui", "created_at", "start_time", "end_time",
    "last_update_time", "parameters", "inputs", "restarts", "stuck",
)  # fmt: skip
CHANGED_COLUMNS = (
    "command_id", "action_state", "phase", "mode", "parts", "pending", "outcome", "stopping",
    "revision", "attempt", "tries", "deaths", "nudges", "worker_id", "wake_at", "message",
    "progress", "start_time", "end_time", "last_update_time", "restarts", "stuck",
)  # fmt: skip
# A column's name is a kind of str that orjson takes for no key: rows would be written the slow way.
TOUCH_COLUMNS = tuple(str(column.name) for column in entity_touch.c)
PLACE_COLUMNS = tuple(str(column.name) for column in command_sequence.c)
LOG_COLUMNS = tuple(str(column.name) for column in event.c if column.name != "seq")
_TASK_STORED = tuple(str(column.name) for column in async_task.c)
TASK_COLUMNS = tuple(name for name in _TASK_STORED if name != "stamp")
