"""The scheduler: polls, timers, lost nudges, dead workers. Several may run; one leads by a lease in the database."""

from __future__ import annotations

import signal
import sys
import threading
import time

import structlog

from orchestrator.core.errors import ContendedError, OrchestratorError, UnavailableError
from workers import points
from workers.logs import configure_logging
from workers.process import Lease
from workers.webhooks import WebhookSender
from workers.wiring import Wiring, wiring

log = structlog.get_logger(__name__)

LEADERSHIP = "scheduler"
LEADERSHIP_S = 3.0
LEAST_REST_S = 0.02  # between two sweeps, however much news there is


class Scheduler:
    """One scheduler process."""

    def __init__(self, wired: Wiring) -> None:
        self._wired = wired
        self._lease = Lease(wired, "scheduler", "scheduler")
        self._reconciler = wired.reconciler(queued=self._queued)
        self._poller = wired.poller()
        self._webhooks = WebhookSender(
            wired.store, allow_private=wired.settings.webhooks_to_private
        )
        self._stop = threading.Event()

    def run(self) -> None:
        """Runs until it is told to stop."""
        self._lease.start()
        self._queued()  # loads the broker's client now, not when commands are late
        log.info("scheduler_started", id=self._lease.worker_id)
        led_until = 0.0
        try:
            while not self._rest():
                try:
                    led_until = self._lead(led_until)
                except (UnavailableError, ContendedError) as problem:
                    log.warning("scheduler_waits", why=str(problem))
                    self._reconciler.step_down()
                    self._stop.wait(0.5)
                except Exception:
                    log.exception("scheduler_broke")
                    self._stop.wait(0.5)
        finally:
            self._webhooks.close()
            self._lease.stop()

    def _rest(self) -> bool:
        """Waits for the next sweep, which news from outside hastens; says whether it is the end instead."""
        self._poller.news.wait(self._wired.settings.sweep_seconds)
        self._poller.news.clear()
        return self._stop.wait(LEAST_REST_S)

    def _lead(self, led_until: float) -> float:
        now = time.monotonic()
        if now > led_until - LEADERSHIP_S / 3:
            if not self._wired.store.lead(LEADERSHIP, self._lease.worker_id, LEADERSHIP_S):
                self._reconciler.step_down()
                return 0.0
            led_until = now + LEADERSHIP_S
        self._reconciler.tick()
        self._poller.tick()
        self._webhooks.tick()
        return led_until

    def stop(self, *_: object) -> None:
        """Ends the loop."""
        self._stop.set()
        self._poller.news.set()

    def _queued(self) -> int:
        """Counts the nudges that the broker still holds; none when it does not answer."""
        try:
            return sum(self._wired.queue_lengths().values())
        except UnavailableError:
            return 0


def main() -> None:
    """Runs a scheduler in front."""
    configure_logging()
    points.arm_from_environment()
    try:
        scheduler = Scheduler(wiring())
    except OrchestratorError as problem:
        sys.exit(str(problem))
    signal.signal(signal.SIGTERM, scheduler.stop)
    signal.signal(signal.SIGINT, scheduler.stop)
    scheduler.run()


if __name__ == "__main__":
    main()
