"""Pauses in the tables, and who sleeps because of one."""

from __future__ import annotations

from contextlib import AbstractContextManager

import sqlalchemy as sa

from orchestrator.core.ids import range_of_parts
from orchestrator.core.pause import PAUSED, Pause, PauseOf
from orchestrator.core.status import Status
from orchestrator.store.reads import Reads
from orchestrator.store.tables import async_task, command_entity, pause

_c, _t, _p = command_entity.c, async_task.c, pause.c


def set_pause(connection: sa.Connection, given: Pause) -> None:
    """Notes a pause in place of an earlier one of its subject."""
    remove_pause(connection, given.subject)
    row = {"subject": given.subject, "by": given.by, "reason": given.reason, "at": given.at}
    connection.execute(sa.insert(pause).values(row))


def remove_pause(connection: sa.Connection, subject: str) -> bool:
    """Takes a pause back; says whether there was one."""
    return bool(connection.execute(sa.delete(pause).where(_p.subject == subject)).rowcount)


class Pausing:
    """Reads pauses."""

    def reading(self) -> AbstractContextManager[Reads]:
        """Opens a connection for reading."""
        raise NotImplementedError

    def pauses(self) -> list[Pause]:
        """Gives all pauses, by subject."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(pause).order_by(_p.subject)).all()
        return [Pause(subject=one.subject, by=one.by, reason=one.reason, at=one.at) for one in rows]

    def sleeping(self, of: PauseOf, name: str) -> list[str]:
        """Gives the commands that sleep because of a pause of this."""
        asleep = sa.select(_c.command_id).where(
            _c.wake_at.is_not(None),
            _c.action_state == Status.DELAYED.value,
            _c.message.startswith(PAUSED, autoescape=True),
        )
        match of:
            case PauseOf.COMMAND:
                low, high = range_of_parts(name)
                asleep = asleep.where(
                    sa.or_(_c.command_id == name, _c.command_id.between(low, high))
                )
            case PauseOf.KIND:
                asleep = asleep.where(_c.action_type == name)
            case PauseOf.SCOPE:
                system, _, scope = name.partition("/")
                asleep = asleep.join(async_task, _t.command_id == _c.command_id).where(
                    _t.system == system, _t.scope == scope
                )
        with self.reading() as connection:
            return [row[0] for row in connection.execute(asleep.distinct())]
