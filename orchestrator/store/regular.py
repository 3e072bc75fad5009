"""What every process sends again and again although nothing happens: leases, and the look at what is due.

It goes to the driver directly, for this is what an installation costs that only waits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.core.status import FINAL
from orchestrator.store.direct import Direct
from orchestrator.store.stamp import NothingBefore, NothingBeyond
from orchestrator.store.tables import async_task, command_entity, lease, worker
from orchestrator.store.types import Instant, instant_text

_c, _t, _w = command_entity.c, async_task.c, worker.c
CAN_BE_LATE = sa.and_(
    _c.deadline.is_not(None),
    _c.end_time.is_(None),
    _c.stopping.is_(None),
    *(_c.action_state != one.value for one in sorted(FINAL)),
)
IS_CLAIMED_BY_A_STRANGER = sa.and_(
    _c.worker_id.is_not(None), _c.worker_id.not_in(sa.select(_w.worker_id))
)
_now = sa.bindparam("now", type_=Instant())


def _first(column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """Gives the least value of an indexed column.

    Asked whether there is a row before some time, a planner that does not know the time expects one at once, and
    reads the whole table where there is none. In this form there is nothing but the index to be read.
    """
    statement = sa.select(column).where(column.is_not(None), *where)
    return statement.order_by(column).limit(1).scalar_subquery()


_mark = sa.select(NothingBefore().label("mark")).subquery("m")
CHANGED = sa.select(_mark.c.mark, async_task).select_from(
    _mark.outerjoin(
        async_task,
        sa.and_(
            _t.stamp >= sa.bindparam("since", type_=sa.BigInteger()), _t.stamp < NothingBeyond()
        ),
    )
)
"""One statement, for rows and mark must come from one look; with no row there is still the mark."""
NOW = sa.select(sa.func.clock_timestamp())
SIGNS = sa.select(
    (_first(_c.wake_at) <= _now).label("due"),
    (_first(_c.deadline, CAN_BE_LATE) <= _now).label("overdue_roots"),
    (_first(_t.wake_at) <= _now).label("overdue_tasks"),
    (_first(_w.alive_until) < _now).label("silent_workers"),
    _first(_c.worker_id, IS_CLAIMED_BY_A_STRANGER).is_not(None).label("strangers"),
)
RENEW = (
    sa.update(worker)
    .where(_w.worker_id == sa.bindparam("known_id"))
    .values(alive_until=sa.bindparam("until", type_=Instant()))
    .returning(_w.worker_id)
)
TAKE_LEASE = (
    sa.update(lease)
    .where(lease.c.name == sa.bindparam("wanted"))
    .where(
        sa.or_(
            lease.c.holder == sa.bindparam("taker"),
            lease.c.until < _now,
            lease.c.until > sa.bindparam("most", type_=Instant()),  # a clock was set
        )
    )
    .values(holder=sa.bindparam("taker"), until=sa.bindparam("to", type_=Instant()))
    .returning(lease.c.name)
)


class Regular:
    """These statements for one database."""

    def __init__(self, dialect: str) -> None:
        self._has_times = dialect == "postgresql"
        self.now = Direct(NOW, dialect)
        self.signs = Direct(SIGNS, dialect)
        self.changed = Direct(CHANGED, dialect)
        self.renew = Direct(RENEW, dialect)
        self.take_lease = Direct(TAKE_LEASE, dialect)

    def given(self, **values: Any) -> dict[str, Any]:
        """Gives the parameters as the driver takes them."""
        if self._has_times:
            return values
        return {
            name: instant_text(one) if isinstance(one, datetime) else one
            for name, one in values.items()
        }
