"""What the monitor asks of the SQL store: counts, progress, parts by the page, tasks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import BadInputError
from orchestrator.core.ids import is_root, range_of_parts
from orchestrator.core.query import Page, TaskQuery
from orchestrator.core.status import FINAL, Status, TaskState
from orchestrator.store import codec, scan, statements
from orchestrator.store.listing import STATUSES, Listing
from orchestrator.store.reading import read_cursor, write_cursor
from orchestrator.store.tables import async_task, command_entity, command_sequence
from orchestrator.store.types import Id, Instant

_c, _s, _t = command_entity.c, command_sequence.c, async_task.c

LATE_AT, LATE_FROM = 20, "a"  # where an id tells that its part was added: see `late_part_id`

SHARE = sa.case(
    (_c.action_state == Status.SUCCEEDED.value, 1.0),
    (sa.and_(_c.best_effort, _c.action_state.in_([one.value for one in FINAL])), 1.0),
    (_c.action_state.in_([Status.COMPENSATED.value, Status.SKIPPED.value]), 0.0),
    else_=sa.func.coalesce(_c.progress, 0.0),
)
"""How much of a leaf is done; the same rule as `orchestrator.core.progress.share_done`."""
MEAN = sa.func.sum(SHARE * _c.weight) / sa.func.nullif(sa.func.sum(_c.weight * 1.0), 0.0)


class Watching(Listing):
    """Reads what people watch."""

    def get_all(self, ids: Collection[str]) -> list[CommandEntity]:
        """Gives those of these commands that exist, in no order."""
        found: list[CommandEntity] = []
        for chunk in statements.chunks(list(ids)):
            found.extend(self._heads(statements.HEADS.where(_c.command_id.in_(chunk))))
        return found

    def get_parts(
        self, parent_id: str, statuses: Collection[Status], limit: int, cursor: str | None
    ) -> Page[CommandEntity]:
        """Gives the direct parts of a command as its plan has them; those added later come last."""
        places = command_sequence.join(command_entity, _c.command_id == _s.entity_id)
        where = [_s.sequence_id == parent_id]
        if statuses:
            where.append(_c.action_state.in_([one.value for one in statuses]))
        start = _offset(cursor)
        statement = (
            sa.select(*codec.HEAD)
            .select_from(places)
            .where(*where)
            .order_by(_s.order_in_sequence < 0, _s.order_in_sequence, _c.created_at, _c.command_id)
            .offset(start)
            .limit(limit + 1)
        )
        found = self._heads(statement)
        total = sa.select(sa.func.count()).select_from(places).where(*where)
        with self.reading() as connection:
            count = connection.execute(total).scalar_one()
        after = str(start + limit) if len(found) > limit else None
        return Page(tuple(found[:limit]), after, count)

    def stuck(self, root_ids: Collection[str]) -> list[CommandEntity]:
        """Gives for each of these trees the first command that needs attention, if any does."""
        of_trees = (
            sa.select(sa.func.min(sa.cast(_c.command_id, sa.Text)))
            .where(
                _c.action_state == sa.literal_column(f"'{Status.NEEDS_ATTENTION.value}'"),
                _c.root_id.in_(list(root_ids)),
            )
            .group_by(_c.root_id)
        )
        with self.reading() as connection:
            firsts = [row[0] for row in connection.execute(of_trees)] if root_ids else []
        return self.get_all(firsts)

    def unreadable(self, limit: int) -> list[tuple[str, str]]:
        """Gives commands whose rows cannot be read, and why. It reads all of them."""
        with self.reading() as connection:
            rows = connection.execute(scan.suspects(self._known.dialect).limit(limit)).all()
        found = ((str(row[0]), scan.reason_in(row)) for row in rows)
        return [(command_id, reason) for command_id, reason in found if reason is not None]

    def being_stopped(self, limit: int) -> list[CommandEntity]:
        """Gives what is being stopped and has not ended, the longest unchanged first."""
        statement = statements.HEADS.where(_c.stopping.is_not(None), *statements.is_live(_c))
        return self._heads(statement.order_by(_c.last_update_time).limit(limit))

    def all_stuck(self, root_id: str) -> list[str]:
        """Gives the ids of all commands of a tree that need attention."""
        attention: sa.ColumnElement[str] = sa.literal_column(f"'{Status.NEEDS_ATTENTION.value}'")
        found = sa.select(_c.command_id).where(_c.action_state == attention, _c.root_id == root_id)
        with self.reading() as connection:
            return [row[0] for row in connection.execute(found.order_by(_c.command_id))]

    def count_parts(self, parent_id: str) -> dict[Status, int]:
        """Says how many direct parts of a command are in each status."""
        parts = sa.select(_s.entity_id).where(_s.sequence_id == parent_id)
        return self._counts([_c.command_id.in_(parts)])

    def _counts(self, where: Collection[sa.ColumnElement[bool]]) -> dict[Status, int]:
        statement = (
            sa.select(_c.action_state, sa.func.count()).where(*where).group_by(_c.action_state)
        )
        with self.reading() as connection:
            rows = connection.execute(statement).all()
        # A row with no status of ours is none that a list of one status could show.
        return {Status(row[0]): row[1] for row in rows if row[0] in STATUSES}

    def progress(self, ids: Collection[str]) -> dict[str, float]:
        """Gives how far these composite commands are, 0 to 1: the mean over what counts below them.

        It is the rule of `orchestrator.core.progress.roll_up`. Where all leaves of a tree count, they are read
        as the range of ids that they are; elsewhere, and for parts, what counts is searched for level by level.
        """
        roots = [one for one in ids if is_root(one)]
        rest = [one for one in ids if not is_root(one)]
        found: dict[str, float | None] = {}
        with self.reading() as connection:
            for root, mean, is_mixed in connection.execute(_of_roots(roots)) if roots else ():
                if is_mixed:
                    rest.append(root)
                else:
                    found[root] = mean
            if rest:
                found.update({row[0]: row[1] for row in connection.execute(_of_parts(rest))})
        return {one: float(mean) for one, mean in found.items() if mean is not None}

    def find_tasks(self, query: TaskQuery) -> Page[TaskEntity]:
        """Lists async tasks, newest first."""
        statement = sa.select(async_task).where(_t.system == query.system)
        if query.scope is not None:
            statement = statement.where(_t.scope == query.scope)
        if query.statuses:
            statement = statement.join(command_entity, _c.command_id == _t.command_id).where(
                _c.action_state.in_([one.value for one in query.statuses])
            )
            if not FINAL.intersection(query.statuses):
                # Nothing is cleared before its command is over: the index of open tasks serves.
                statement = statement.where(_t.state != TaskState.CLEARED)
        if query.cursor:
            at, last = read_cursor(query.cursor)
            statement = statement.where(
                sa.tuple_(_t.created_at, _t.task_id)
                < sa.tuple_(sa.literal(at, Instant()), sa.literal(last, Id))
            )
        statement = statement.order_by(_t.created_at.desc(), _t.task_id.desc())
        with self.reading() as connection:
            rows = connection.execute(statement.limit(query.limit + 1)).all()
        found = codec.to_tasks(rows)
        more = found[query.limit - 1] if len(found) > query.limit else None
        return Page(tuple(found[: query.limit]), None if more is None else write_cursor(more))


def _of_roots(ids: list[str]) -> sa.Select[Any]:
    """Gives for each root the mean over its leaves, and whether the tree holds what may not count."""
    trees = [_c.command_id.between(*range_of_parts(one)) for one in ids]
    leaf_weight = sa.case((_c.parts == 0, _c.weight), else_=0)
    mean = sa.func.sum(SHARE * leaf_weight) / sa.func.nullif(sa.func.sum(leaf_weight * 1.0), 0.0)
    was_added = sa.func.substr(sa.cast(_c.command_id, sa.Text), LATE_AT, 1) >= LATE_FROM
    is_task_with_sub_tasks = sa.and_(_c.mode.is_(None), _c.parts > 0)
    is_mixed = sa.func.max(sa.case((sa.or_(was_added, is_task_with_sub_tasks), 1), else_=0))
    return (
        sa.select(_c.root_id, mean, is_mixed)
        .where(sa.or_(*trees), _c.root_id.in_(ids))
        .group_by(_c.root_id)
    )


def _of_parts(ids: list[str]) -> sa.Select[Any]:
    """Goes down from each command to what counts: planned parts, or added ones where nothing was planned."""
    beside = command_sequence.alias("beside")
    has_plan = sa.exists().where(
        beside.c.sequence_id == _s.sequence_id, beside.c.order_in_sequence >= 0
    )
    counts = sa.or_(_s.order_in_sequence >= 0, sa.not_(has_plan))
    below = (
        sa.select(_s.sequence_id.label("top"), _s.entity_id)
        .where(_s.sequence_id.in_(ids), counts)
        .cte("below", recursive=True)
    )
    # A task outside counts by its own word, whatever hangs below it.
    below = below.union_all(
        sa.select(below.c.top, _s.entity_id)
        .join(command_entity, _c.command_id == below.c.entity_id)
        .join(command_sequence, _s.sequence_id == _c.command_id)
        .where(_c.mode.is_not(None), counts)
    )
    return (
        sa.select(below.c.top, MEAN)
        .join(below, _c.command_id == below.c.entity_id)
        .where(sa.or_(_c.parts == 0, _c.mode.is_(None)))
        .group_by(below.c.top)
    )


def _offset(cursor: str | None) -> int:
    is_ours = not cursor or (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18)
    if not is_ours:
        raise BadInputError(f"the cursor {cursor!r} was not given by this server")
    return int(cursor or 0)
