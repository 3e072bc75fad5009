"""The one sender of a process: publishes canvases. What it cannot send is launched again by the sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from celery import Celery

from orchestrator.core.entity import CommandEntity
from orchestrator.engine.faults import fault
from workers.canvas import Canvas

log = structlog.get_logger(__name__)

QUIET_S = 5.0
PUBLISH = {"retry": False}


class CelerySender:
    """Sends nudges through Celery. Never raises: the store knows what is due."""

    def __init__(self, app: Celery, canvas: Canvas) -> None:
        self._app = app
        self._canvas = canvas
        self._quiet_until = 0.0
        self._guard = threading.Lock()

    def launch(self, commands: Sequence[CommandEntity]) -> None:
        """Publishes the canvases of these commands."""
        if commands and time.monotonic() >= self._quiet_until:
            self.publish(lambda: self._send(commands))

    def publish(self, send: Callable[[], None]) -> None:
        """Sends something, or stays quiet for a while when the broker is away."""
        try:
            fault("before_publish")
            send()
            fault("after_publish")
        except Exception as problem:  # a broker may refuse in many ways: out of memory, read-only
            with self._guard:
                self._quiet_until = time.monotonic() + QUIET_S
            log.warning("broker_away", why=str(problem), quiet_s=QUIET_S)

    def _send(self, commands: Sequence[CommandEntity]) -> None:
        with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
            for canvas in self._canvas.compile(commands):
                canvas.apply_async(producer=producer, **PUBLISH)
