"""The pool of connections to PostgreSQL: when one turns out to have been cut, all that are as old are replaced."""

from __future__ import annotations

import time

import sqlalchemy as sa


class RenewedPool(sa.QueuePool):
    """Knows when it was last seen that the server had cut a connection: where one is gone, so may be the others."""

    cut_at: float | None = None  # on the monotonic clock


def note_cut(engine: sa.Engine) -> None:
    """Has each connection that is open by now be replaced when it is next taken."""
    if isinstance(engine.pool, RenewedPool):
        engine.pool.cut_at = time.monotonic()
    else:
        engine.dispose()


def is_from_before_a_cut(engine: sa.Engine, opened_at: float) -> bool:
    """Tells whether a connection is as old as one that was found to have been cut."""
    pool = engine.pool
    return isinstance(pool, RenewedPool) and pool.cut_at is not None and opened_at <= pool.cut_at
