"""Grants: what vendors were let do beside their own. And what is theirs, and who submitted it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from orchestrator.core.access import VENDOR_OWNED, Grant, GrantAbout
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.audit import SUBMISSIONS
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.ports import OpenDoor
from orchestrator.core.query import Offer
from orchestrator.core.status import TaskState
from orchestrator.store import codec, statements
from orchestrator.store.reading import Reading
from orchestrator.store.reads import Reads
from orchestrator.store.tables import api_process, async_task, audit, command_entity, vendor_grant

_g, _c, _a, _t = vendor_grant.c, command_entity.c, audit.c, async_task.c
_p = api_process.c
"""The verbs under which the audit notes who brought a command in."""


class GrantBook:
    """Reads and writes grants within a transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, about: GrantAbout, subject: str) -> list[Grant]:
        """Gives who was let do something about this command or kind."""
        return _found(self._connection, [_g.about == about, _g.subject == subject])

    def add(self, grant: Grant) -> None:
        """Notes a grant, unless it is noted already."""
        known = {one.vendor for one in self.find(grant.about, grant.subject)}
        if grant.vendor not in known:
            self._connection.execute(
                sa.insert(vendor_grant).values(
                    about=grant.about.value,
                    subject=grant.subject,
                    vendor=grant.vendor,
                    granted_by=codec.storable(grant.granted_by),
                    reason=codec.storable(grant.reason),
                    at=grant.at,
                )
            )

    def remove(self, about: GrantAbout, subject: str, vendor: str) -> bool:
        """Takes a grant back; says whether there was one."""
        one = sa.delete(vendor_grant).where(
            _g.about == about, _g.subject == subject, _g.vendor == vendor
        )
        return bool(self._connection.execute(one).rowcount)


class Granting(Reading):
    """Reads what concerns vendors, and notes whether they could reach us."""

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Opens a transaction that writes."""
        raise NotImplementedError

    def grants(
        self,
        *,
        vendor: str | None = None,
        about: GrantAbout | None = None,
        subject: str | None = None,
    ) -> list[Grant]:
        """Gives grants: all, or of one vendor, about one thing."""
        asked = ((_g.vendor, vendor), (_g.about, about), (_g.subject, subject))
        with self.reading() as connection:
            return _found(connection, [column == one for column, one in asked if one is not None])

    def of_vendor(self, vendor: str, root_ids: Collection[str]) -> list[CommandEntity]:
        """Gives what belongs to a vendor in these trees."""
        found: list[CommandEntity] = []
        for chunk in statements.chunks(list(root_ids)):
            owned = statements.HEADS.where(
                _c.owner_type == sa.literal_column(f"'{VENDOR_OWNED}'"),  # as the index has it
                _c.owner_id == vendor,
                _c.root_id.in_(chunk),
            )
            found.extend(self._heads(owned))
        return found

    def offered_tasks(self, offer: Offer) -> list[TaskEntity]:
        """Gives tasks that may be taken, the oldest first: not begun by anybody, or taken and let go."""
        statement = (
            sa.select(async_task)
            .where(
                _t.system == offer.system,
                _t.scope == offer.scope,
                _t.state == TaskState.POLLING.value,
                _t.status == TaskStatus.RUNNING.value,
                sa.or_(
                    _t.claimed_until <= offer.at,
                    sa.and_(_t.claimed_until.is_(None), _t.changed_at <= _t.created_at),
                ),
            )
            .order_by(_t.created_at, _t.task_id)
            .limit(offer.limit)
        )
        if offer.topics:
            statement = statement.where(_t.verb.in_(offer.topics))
        with self.reading() as connection:
            return codec.to_tasks(connection.execute(statement))

    def keep_door(self, door: OpenDoor) -> None:
        """Notes that an API process answers, and forgets those that went long ago."""
        given = {"open_since": door.open_since, "open_until": door.open_until}
        with self.writing() as connection:
            known = sa.update(api_process).where(_p.process_id == door.process_id).values(given)
            if not connection.execute(known).rowcount:
                connection.execute(sa.delete(api_process).where(_p.open_until < door.open_since))
                connection.execute(
                    sa.insert(api_process).values(process_id=door.process_id, **given)
                )

    def doors(self) -> list[OpenDoor]:
        """Gives the API processes, those that have gone included, until another one starts."""
        with self.reading() as connection:
            return [
                OpenDoor(
                    process_id=row.process_id, open_since=row.open_since, open_until=row.open_until
                )
                for row in connection.execute(sa.select(api_process))
            ]

    def depth(self, command_id: str) -> int:
        """Gives how many levels there are from the root down to a command; 1 for a root, 0 for none."""
        level = sa.literal(1).label("level")
        here = sa.select(_c.parent_id, level).where(_c.command_id == command_id)
        chain = here.cte("above", recursive=True)
        above = sa.select(_c.parent_id, (chain.c.level + 1).label("level")).join(
            chain, _c.command_id == chain.c.parent_id
        )
        chain = chain.union_all(above)
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(chain.c.level))).scalar() or 0

    def submitter(self, command_id: str) -> str | None:
        """Gives the name of the token that a command was submitted with; None where engine code did it."""
        statement = sa.select(_a.actor).where(_a.command_id == command_id, _a.verb.in_(SUBMISSIONS))
        with self.reading() as connection:
            return connection.execute(statement.limit(1)).scalar()


def _found(connection: sa.Connection | Reads, where: list[sa.ColumnElement[bool]]) -> list[Grant]:
    statement = sa.select(vendor_grant).where(*where).order_by(_g.about, _g.subject, _g.vendor)
    return [_grant(row) for row in connection.execute(statement)]


def _grant(row: sa.Row[Any]) -> Grant:
    return Grant(
        about=GrantAbout(row.about),
        subject=row.subject,
        vendor=row.vendor,
        granted_by=row.granted_by,
        reason=row.reason,
        at=row.at,
    )
