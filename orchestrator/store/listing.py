"""Lists of commands, newest first: each walks one index, and looks at a bounded number of rows.

A list is driven by the narrowest thing that it asks for (an entity, an outside id, a correlation id, statuses, an
owner, a kind), which has an index in the order of the list. What else it asks for is looked for in the newest
`SEARCHED` rows of that; where more is left, the page's cursor says where to search on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity
from orchestrator.core.query import SEARCHED, CommandQuery, Page
from orchestrator.core.status import Status
from orchestrator.store import statements
from orchestrator.store.reading import Reading, prefix_range, read_cursor, write_cursor
from orchestrator.store.tables import async_task, command_entity, entity_touch
from orchestrator.store.types import Id, Instant

OUTSIDE = 500
"""Tasks that one outside id may name."""
_c, _e = command_entity.c, entity_touch.c
IS_ROOT = _c.parent_id.is_(None)
ATTENTION = Status.NEEDS_ATTENTION
STATUSES = frozenset(one.value for one in Status)
Where = list[sa.ColumnElement[bool]]
LOOKED_AT = (
    _c.created_at, _c.command_id, _c.root_id, _c.action_state, _c.stuck, _c.action_type, _c.label, _c.message,
    _c.owner_id, _c.owner_type, _c.correlation_id, _c.entity_id,
)  # fmt: skip
"""What is looked for in the rows of a list that no index leads to."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One index, in the order of the list: the conditions that it serves."""

    where: Where
    entity: bool = False  # the index of `entity_touch`, else one of `command_entity`
    few: bool = (
        False  # found by their ids, in no order: never by a walk through all in the list's order
    )

    def newest(self, cursor: str | None, most: int, *, whole: bool) -> sa.Subquery:
        """Gives up to so many rows after the cursor: their keys, or with `whole` all that can be looked for."""
        at: sa.ColumnElement[Any] = _e.created_at if self.entity else _c.created_at
        one: sa.ColumnElement[Any] = _e.root_id if self.entity else _c.command_id
        keys = sa.select(at.label("created_at"), one.label("command_id")).where(*self.where)
        if self.entity:
            keys = keys.distinct()  # a tree may be about a vm and about a disk of one id
        if self.few:
            found = keys.limit(OUTSIDE).subquery()
            keys = sa.select(found)
            at, one = found.c.created_at, found.c.command_id
        walked = keys.where(*_before(cursor, at, one)).order_by(at.desc(), one.desc()).limit(most)
        if (self.entity or self.few) and whole:
            found = walked.subquery()
            rows = sa.select(*LOOKED_AT).join(found, found.c.command_id == _c.command_id)
            return rows.subquery()
        return (walked.with_only_columns(*LOOKED_AT) if whole else walked).subquery()


class Listing(Reading):
    """Lists and counts commands."""

    def get_commands(self, query: CommandQuery) -> Page[CommandEntity]:
        """Lists commands, newest first. `total` is exact up to `SEARCHED`, and None where it was not counted."""
        if query.parts:
            return self._with_parts(query)
        walks, rest = _split(query)
        most = SEARCHED if rest else query.limit + 1
        window = _window(walks, query.cursor, most, whole=bool(rest))
        chosen = sa.select(window.c.command_id).where(*_conditions(query, window.c, rest))
        chosen = chosen.order_by(window.c.created_at.desc(), window.c.command_id.desc())
        chosen = chosen.limit(query.limit + 1)
        found = self._heads(statements.HEADS.where(_c.command_id.in_(sa.select(chosen.subquery()))))
        found.sort(key=lambda one: (one.created_at, one.command_id), reverse=True)
        more = found[query.limit - 1] if len(found) > query.limit else None
        if more is None and rest:
            more = self._last_searched(walks, query.cursor)
        after = None if more is None else write_cursor(more)
        return Page(
            tuple(found[: query.limit]), after, self._total(query, walks, rest, found, after)
        )

    def _total(
        self,
        query: CommandQuery,
        walks: list[Walk],
        rest: list[str],
        found: list[CommandEntity],
        after: str | None,
    ) -> int | None:
        if after is None and query.cursor is None:
            return len(found)
        return None if rest else self._count(_window(walks, None, SEARCHED, whole=False))

    def _last_searched(self, walks: list[Walk], cursor: str | None) -> CommandEntity | None:
        """Gives the last that was looked at, when there is more than was looked through."""
        window = _window(walks, cursor, SEARCHED, whole=False)
        order = (window.c.created_at.desc(), window.c.command_id.desc())
        last = sa.select(window.c.command_id).order_by(*order).offset(SEARCHED - 1).limit(1)
        with self.reading() as connection:
            command_id = connection.execute(last).scalar()
        return self.get(command_id) if command_id is not None else None

    def _count(self, rows: sa.Subquery) -> int:
        with self.reading() as connection:
            return int(
                connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()
            )

    def _with_parts(self, query: CommandQuery) -> Page[CommandEntity]:
        """Lists parts too. No index has them in this order: it would be written again with every step."""
        where = [condition for _, condition in _named(query, _c)]
        statement = statements.HEADS.where(
            *where, *_before(query.cursor, _c.created_at, _c.command_id)
        )
        newest = statement.order_by(_c.created_at.desc(), _c.command_id.desc())
        found = self._heads(newest.limit(query.limit + 1))
        more = found[query.limit - 1] if len(found) > query.limit else None
        total = self._count(sa.select(_c.command_id).where(*where).subquery())
        after = None if more is None else write_cursor(more)
        return Page(tuple(found[: query.limit]), after, total)

    def count_commands(self, query: CommandQuery, most: int | None = None) -> dict[Status, int]:
        """Says how many commands that the query asks for are in each status.

        Of roots, all count as needing attention in whose tree something does, beside the status they are in. With
        `most` no number grows above it, and where the query asks for more than statuses only the newest `SEARCHED`
        are looked at.
        """
        if query.parts or most is None:
            where = [condition for _, condition in _named(query, _c)]
            roots = [] if query.parts else [IS_ROOT]
            seen = sa.select(_c.action_state, _c.stuck).where(*roots, *where).subquery()
            return self._by_status(seen, stuck=not query.parts)
        if query == replace(
            CommandQuery(), statuses=query.statuses, limit=query.limit, cursor=query.cursor
        ):
            return self._each_status(query.statuses or tuple(Status), most)
        walks, rest = _split(query)
        window = _window(walks, None, SEARCHED, whole=True)
        seen = sa.select(window).where(*_conditions(query, window.c, rest)).subquery()
        return self._by_status(seen, stuck=True)

    def _each_status(self, statuses: tuple[Status, ...], most: int) -> dict[Status, int]:
        """Counts up to so many of each: an index that ends after them, not a look at all."""
        counts = []
        for status in statuses:
            some = sa.select(sa.literal(1).label("one")).where(*_of_status(status, ())).limit(most)
            counted = sa.select(sa.func.count()).select_from(some.subquery()).scalar_subquery()
            counts.append(counted.label(status.value))
        with self.reading() as connection:
            row = connection.execute(sa.select(*counts)).one()
        return {one: count for one, count in zip(statuses, row, strict=True) if count}

    def _by_status(self, seen: sa.Subquery, *, stuck: bool) -> dict[Status, int]:
        is_stuck = sa.case((seen.c.stuck > 0, 1), else_=0)
        grouped = sa.select(seen.c.action_state, sa.func.count(), sa.func.sum(is_stuck))
        with self.reading() as connection:
            rows = connection.execute(grouped.group_by(seen.c.action_state)).all()
        # A row with no status of ours is none that a list of one status could show.
        found = {Status(row[0]): row[1] for row in rows if row[0] in STATUSES}
        if stuck:
            found[ATTENTION] = sum(row[2] for row in rows)
        return {status: count for status, count in found.items() if count}

    def count_stuck(self) -> int:
        """Says how many commands need attention, parts included."""
        counted = sa.select(sa.func.coalesce(sa.func.sum(_c.stuck), 0)).where(_c.stuck > 0)
        with self.reading() as connection:
            return int(connection.execute(counted).scalar_one())


def _split(query: CommandQuery) -> tuple[list[Walk], list[str]]:
    """Gives what drives the list, each alternative the walk of one index, and the names of what is left to look for."""
    asked = dict(_named(query, _c))
    left = list(asked)

    def by(*names: str) -> tuple[list[Walk], list[str]]:
        where = [asked[name] for name in names if name in asked]
        walk = Walk([*where, IS_ROOT], few="external" in names)
        return [walk], [one for one in left if one not in names]

    if query.entity:
        left.remove("entity")
        return [Walk(list(_about(query.entity)), entity=True)], left
    for name in ("external", "id", "correlation_id"):
        if name in asked:
            return by(name)
    is_rare = query.statuses and Status.SUCCEEDED not in query.statuses
    if query.owner and not is_rare:
        return by("owner", "owner_type")
    if query.kind and not is_rare:
        return by("kind")
    if query.statuses:
        left.remove("statuses")
        return [Walk(_of_status(one, query.statuses)) for one in query.statuses], left
    return by()


def _of_status(status: Status, among: tuple[Status, ...]) -> Where:
    if status is ATTENTION:
        return [_c.stuck > 0]
    once = [_c.stuck == 0] if ATTENTION in among else []  # else it is in the list already
    return [_c.action_state == status.value, IS_ROOT, *once]


def _window(walks: list[Walk], cursor: str | None, most: int, *, whole: bool) -> sa.Subquery:
    """Gives the newest rows of all walks after the cursor."""
    each = [one.newest(cursor, most, whole=whole) for one in walks]
    if len(each) == 1:
        return each[0]
    together = sa.union_all(*(sa.select(one) for one in each)).subquery()
    order = (together.c.created_at.desc(), together.c.command_id.desc())
    return sa.select(together).order_by(*order).limit(most).subquery()


def _before(cursor: str | None, at: sa.ColumnElement[Any], one: sa.ColumnElement[Any]) -> Where:
    """Matches what comes after the cursor: as a row's value, which an index can seek; an OR it cannot."""
    if not cursor:
        return []
    since, last = read_cursor(cursor)
    return [sa.tuple_(at, one) < sa.tuple_(sa.literal(since, Instant()), sa.literal(last, Id))]


def _conditions(query: CommandQuery, columns: Any, names: list[str]) -> Where:
    return (
        [condition for name, condition in _named(query, columns) if name in names] if names else []
    )


def _named(query: CommandQuery, c: Any) -> Iterator[tuple[str, sa.ColumnElement[bool]]]:
    """Gives all that the query asks for, by name, of rows with these columns."""
    if query.statuses:
        yield "statuses", _in_statuses(query, c)
    if query.kind:
        yield "kind", c.action_type == query.kind
    if query.owner:
        yield "owner", c.owner_id == query.owner
    if query.owner_type:
        yield "owner_type", c.owner_type == query.owner_type
    if query.correlation_id and query.any_case:
        yield "correlation_id", sa.func.lower(c.correlation_id) == query.correlation_id.lower()
    elif query.correlation_id:
        yield "correlation_id", c.correlation_id == query.correlation_id
    if query.entity:
        yield "entity", c.root_id.in_(sa.select(_e.root_id).where(*_about(query.entity)))
    if query.external_id:
        # Only a root is listed by its id, and only that has an index.
        yield "external", (c.root_id if query.parts else c.command_id).in_(_outside(query))
    if query.id_prefix:
        yield "id", c.command_id.between(*prefix_range(query.id_prefix))
    if query.text:
        yield "text", _reads(query.text, c)
    if query.error:
        is_bad = c.action_state.in_([Status.FAILED.value, Status.STOPPED.value, ATTENTION.value])
        says = sa.func.lower(c.message).contains(query.error.lower(), autoescape=True)
        yield "error", sa.and_(says, is_bad)


def _outside(query: CommandQuery) -> sa.Select[Any]:
    """Gives the roots of the trees that a task of that outside id belongs to."""
    tasks = sa.select(async_task.c.root_id).where(async_task.c.external_id == query.external_id)
    return sa.select(tasks.limit(OUTSIDE).subquery())


def _in_statuses(query: CommandQuery, c: Any) -> sa.ColumnElement[bool]:
    """Matches these statuses; among roots, any in whose tree something needs attention counts as needing it."""
    if query.parts or ATTENTION not in query.statuses:
        return cast(
            "sa.ColumnElement[bool]", c.action_state.in_([one.value for one in query.statuses])
        )
    others = [one.value for one in query.statuses if one is not ATTENTION]
    return sa.or_(c.stuck > 0, c.action_state.in_(others))


def _about(entity: str) -> Where:
    """Matches what touches an entity, `type:id` or an id."""
    kind, _, one = entity.rpartition(":")
    return [_e.entity_id == one, *([_e.entity_type == kind] if kind else [])]


def _reads(text: str, c: Any) -> sa.ColumnElement[bool]:
    lowered = text.lower()
    return sa.or_(
        sa.func.lower(c.label).contains(lowered, autoescape=True),
        sa.func.lower(c.action_type).contains(lowered, autoescape=True),
        c.entity_id == text,
    )
