"""Waits for the end of a command: PostgreSQL tells it; SQLite is asked again and again."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from orchestrator.app import Pause
from orchestrator.store.sql import SqlStore
from orchestrator.store.statements import ENDED_CHANNEL

log = structlog.get_logger(__name__)

LISTEN_S = 5.0
LOOK_AGAIN_S = 1.0  # should a notice get lost, with the connection for instance


class Waiting:
    """How `wait` passes the time between two looks at the store."""

    def __init__(self, store: SqlStore) -> None:
        self._url = store.engine.url
        self._pushed = store.engine.dialect.name == "postgresql"
        self._guard = threading.Lock()
        self._watched: dict[str, set[threading.Event]] = defaultdict(set)
        self._listener: threading.Thread | None = None
        self._listening = threading.Event()

    @contextmanager
    def watch(self, command_id: str) -> Iterator[Pause]:
        """Gives a pause that ends early when the command has; it hears from now on."""
        ended = threading.Event()
        with self._guard:
            self._watched[command_id].add(ended)
            if self._pushed and self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="ended", daemon=True)
                self._listener.start()
        if self._pushed:
            self._listening.wait(1.0)

        def pause(seconds: float, most: float) -> None:
            told = self._pushed and self._listening.is_set()
            ended.wait(min(LOOK_AGAIN_S, most) if told else seconds)
            ended.clear()

        try:
            yield pause
        finally:
            with self._guard:
                self._watched[command_id].discard(ended)
                if not self._watched[command_id]:
                    del self._watched[command_id]

    def _listen(self) -> None:
        url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {ENDED_CHANNEL}")
                    self._listening.set()
                    while True:
                        for notice in connection.notifies(timeout=LISTEN_S):
                            self._tell(notice.payload)
            except psycopg.Error as problem:
                self._listening.clear()
                with self._guard:
                    if not self._watched:  # nobody waits: the next who does begins anew
                        self._listener = None
                        return
                log.warning("listener_lost", why=str(problem))
                time.sleep(0.5)

    def _tell(self, command_id: str) -> None:
        with self._guard:
            for ended in self._watched.get(command_id, ()):
                ended.set()
