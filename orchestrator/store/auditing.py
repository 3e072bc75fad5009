"""The audit: who did what, written with the deed itself, kept longer than what it was done to."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.core.audit import AuditQuery, Deed
from orchestrator.core.errors import BadInputError
from orchestrator.core.query import Page
from orchestrator.store import codec
from orchestrator.store.reads import Reads
from orchestrator.store.tables import audit

TOGETHER = 10_000  # rows deleted in one transaction
_a = audit.c


def write_deed(connection: sa.Connection, deed: Deed) -> None:
    """Notes a deed in the transaction that does it."""
    connection.execute(
        sa.insert(audit).values(
            actor=codec.storable(deed.actor),
            verb=deed.verb,
            command_id=deed.command_id,
            root_id=deed.root_id,
            entity=deed.entity,
            subject=codec.storable(deed.subject),
            reason=codec.storable(deed.reason),
            at=deed.at,
        )
    )


class Auditing:
    """Reads the audit, and forgets what is older than anybody asks for."""

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Opens a transaction that writes."""
        raise NotImplementedError

    def deeds(self, query: AuditQuery) -> Page[Deed]:
        """Lists deeds, newest first."""
        statement = sa.select(audit).where(*_conditions(query)).order_by(_a.audit_id.desc())
        with self.reading() as connection:
            rows = connection.execute(statement.limit(query.limit + 1)).all()
        found = [_deed(row) for row in rows[: query.limit]]
        return Page(tuple(found), str(found[-1].number) if len(rows) > query.limit else None)

    def delete_audit_before(self, at: datetime, *, dry_run: bool = False) -> int:
        """Deletes what was done before that time; says how many rows there were."""
        old = sa.select(_a.audit_id).where(_a.at < at)
        if dry_run:
            counted = sa.select(sa.func.count()).select_from(old.subquery())
            with self.reading() as connection:
                return int(connection.execute(counted).scalar_one())
        deleted = 0
        while True:
            some = old.limit(TOGETHER)
            with self.writing() as connection:
                count = connection.execute(sa.delete(audit).where(_a.audit_id.in_(some))).rowcount
            deleted += count
            if count < TOGETHER:
                return deleted


def _conditions(query: AuditQuery) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if query.actor:
        where.append(_a.actor == query.actor)
    if query.verb:
        where.append(_a.verb == query.verb)
    if query.entity:
        where.append(_a.entity == query.entity)
    if query.command_id:
        where.append(sa.or_(_a.command_id == query.command_id, _a.root_id == query.command_id))
    if query.since:
        where.append(_a.at >= query.since)
    if query.until:
        where.append(_a.at < query.until)
    if query.cursor:
        where.append(_a.audit_id < deed_number(query.cursor))
    return where


def deed_number(cursor: str) -> int:
    """Reads a cursor. Raises BadInputError."""
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        raise BadInputError(f"the cursor {cursor!r} was not given by this server")
    return int(cursor)


def _deed(row: Any) -> Deed:
    return Deed(
        number=row.audit_id,
        actor=row.actor,
        verb=row.verb,
        at=row.at,
        reason=row.reason,
        subject=row.subject,
        command_id=row.command_id,
        root_id=row.root_id,
        entity=row.entity,
    )
