"""Waits for the end of a command: told by PostgreSQL where it can tell, else by looking again."""

from __future__ import annotations

import time

from orchestrator.store.sql import SqlStore


class Waiting:
    """How `wait` passes the time between two looks."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def pause(self, command_id: str, seconds: float) -> None:
        """Waits for at most that long."""
        time.sleep(min(seconds, 0.05))
