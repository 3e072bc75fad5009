"""The clock of the database, kept between looks by the machine's monotonic one.

All processes of an installation agree on it, and a wall clock that jumps or is wrong moves no timer.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from orchestrator.core.ports import Store

FRESH_S = 10.0


class StoreClock:
    """Tells the store's time; asks the store for it now and then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._at: datetime | None = None
        self._since = 0.0

    def now(self) -> datetime:
        """Gives the store's time. Raises UnavailableError only when it was never known."""
        passed = time.monotonic() - self._since
        if self._at is None or passed > FRESH_S:
            self._refresh(must=self._at is None)
            passed = time.monotonic() - self._since
        if self._at is None:
            raise AssertionError("a clock that was refreshed has a time")
        return self._at + timedelta(seconds=passed)

    def _refresh(self, *, must: bool) -> None:
        if not self._guard.acquire(blocking=must):
            return
        try:
            before = time.monotonic()
            try:
                found = self._store.now()
            except Exception:
                if must:
                    raise
                self._at, self._since = self._moved_on(before), before
                return
            self._at, self._since = found, (before + time.monotonic()) / 2
        finally:
            self._guard.release()

    def _moved_on(self, at: float) -> datetime | None:
        return self._at + timedelta(seconds=at - self._since) if self._at else None
