"""SQLite stores for plays: each a copy of one empty database, on the clock of its play."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path

from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import metadata


class ClockedStore(SqlStore):
    """A store whose own time is the play's."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        super().__init__(make_engine(f"sqlite:///{path}", pool_size=1))
        self._now = now

    def now(self) -> datetime:
        return self._now()


class Shelf:
    """Makes stores in a folder; the schema is laid down once and then copied."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)
        self._empty = folder / "empty.db"
        engine = make_engine(f"sqlite:///{self._empty}")
        metadata.create_all(engine)
        engine.dispose()

    def store(self, now: Callable[[], datetime]) -> ClockedStore:
        """Makes an empty store."""
        path = self._folder / f"play-{next(self._numbers)}.db"
        shutil.copy(self._empty, path)
        return ClockedStore(path, now)
