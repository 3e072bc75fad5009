"""Looks through the commands for rows that cannot be read. It reads the whole table: only for who asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orchestrator.core.status import Mode, Outcome, Phase, Status, Verbs
from orchestrator.store import codec
from orchestrator.store.statements import COLUMNS_AHEAD, PLACED
from orchestrator.store.tables import command_entity

_c = command_entity.c
WORDS = {
    _c.action_state: Status,
    _c.phase: Phase,
    _c.mode: Mode,
    _c.outcome: Outcome,
    _c.stopping: Outcome,
}
COUNTS = (_c.version, _c.parts, _c.pending, _c.revision, _c.attempt, _c.tries, _c.deaths, _c.nudges,
          _c.weight, _c.restarts, _c.stuck, _c.verbs)  # fmt: skip
TIMES = (_c.created_at, _c.start_time, _c.end_time, _c.last_update_time, _c.wake_at, _c.deadline)
JSON = {_c.parameters: "object", _c.inputs: "object", _c.locks: "array"}


def suspects(dialect: str) -> sa.Select[*tuple[object, ...]]:
    """Selects what `codec` could not read, but for locks of an odd shape; and perhaps some that it can."""
    conditions = [*_of_any_database()]
    conditions += _of_postgresql() if dialect == "postgresql" else _of_sqlite()
    return sa.select(*COLUMNS_AHEAD).select_from(PLACED).where(sa.or_(*conditions))


def reason_in(row: sa.Row[*tuple[object, ...]]) -> str | None:
    """Gives what is wrong with a row; None when it can be read."""
    found = codec.to_new(row)
    return found.entity.unreadable or found.payload.unreadable


def _of_any_database() -> Iterator[sa.ColumnElement[bool]]:
    for column, words in WORDS.items():
        yield column.not_in([one.value for one in words])
    for column in COUNTS:
        yield column < 0
    yield _c.verbs >= 2 * max(Verbs)


def _of_postgresql() -> Iterator[sa.ColumnElement[bool]]:
    for column, kind in JSON.items():
        yield sa.func.json_typeof(column).not_in([kind, "null"])
    yield _c.progress.in_(
        [sa.literal_column(f"'{one}'") for one in ("NaN", "Infinity", "-Infinity")]
    )


def _of_sqlite() -> Iterator[sa.ColumnElement[bool]]:
    """There a column takes values of any type."""
    for column in COUNTS:
        yield sa.func.typeof(column) != "integer"
    for column, kind in JSON.items():
        text = sa.type_coerce(column, sa.Text())
        is_json = sa.case((sa.func.json_valid(text) == 1, sa.func.json_type(text)), else_="")
        yield sa.and_(column.is_not(sa.null()), is_json.not_in([kind, "null"]))
    for column in TIMES:
        text = sa.type_coerce(column, sa.Text())
        is_time = sa.and_(text.like("____-__-__T__:%"), sa.func.julianday(text).is_not(None))
        yield sa.and_(text.is_not(None), sa.not_(is_time))
    yield sa.func.typeof(_c.progress).not_in(["real", "integer", "null"])
