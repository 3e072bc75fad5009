"""Forgets trees that ended long ago, with everything that belongs to them, in small transactions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

import sqlalchemy as sa

from orchestrator.core.ids import range_of_parts
from orchestrator.core.status import FINAL
from orchestrator.store.reads import Reads
from orchestrator.store.tables import (
    async_task,
    command_entity,
    command_sequence,
    entity_touch,
    event,
    idempotency_key,
    vendor_grant,
)

TOGETHER = 100  # trees in one transaction
_c = command_entity.c
BELONGINGS = (
    (event, event.c.command_id),
    (async_task, async_task.c.command_id),
    (idempotency_key, idempotency_key.c.command_id),
    (command_sequence, command_sequence.c.entity_id),
    (command_entity, command_entity.c.command_id),
)
"""Every table that holds something of a command, and the column that says of which. The audit outlives them."""


class Retention:
    """Deletes old history."""

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Opens a transaction that writes."""
        raise NotImplementedError

    def delete_ended_before(self, at: datetime, *, dry_run: bool = False) -> int:
        """Deletes the trees whose root ended before that time; says how many there were."""
        old = sa.select(_c.command_id).where(
            _c.parent_id.is_(None),
            _c.end_time < at,
            _c.action_state.in_([one.value for one in FINAL]),
        )
        if dry_run:
            with self.reading() as connection:
                counted = sa.select(sa.func.count()).select_from(old.subquery())
                return int(connection.execute(counted).scalar_one())
        deleted = 0
        while True:
            with self.writing() as connection:
                roots = [row[0] for row in connection.execute(old.limit(TOGETHER))]
                for root in roots:
                    low, high = range_of_parts(root)
                    for table, column in BELONGINGS:
                        of_tree = sa.or_(column == root, column.between(low, high))
                        connection.execute(sa.delete(table).where(of_tree))
                    connection.execute(
                        sa.delete(entity_touch).where(entity_touch.c.root_id == root)
                    )
                    grants = vendor_grant.c.subject
                    connection.execute(
                        sa.delete(vendor_grant).where(
                            vendor_grant.c.about == "command",
                            sa.or_(grants == root, grants.between(low, high)),
                        )
                    )
            deleted += len(roots)
            if len(roots) < TOGETHER:
                return deleted
