"""The locks on images and volumes that verbs and jobs wait for."""

from __future__ import annotations

import threading

from adapters.vdsm.simulator.refusal import RefusalError


class ResourceLocks:
    """One exclusive lock per name; whoever holds it may release it from any thread."""

    def __init__(self, wait_s: float = 120.0) -> None:
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._held: set[str] = set()

    def acquire(self, name: str) -> None:
        """Waits for the lock; after too long refuses with 851, as VDSM does."""
        with self._changed:
            if not self._changed.wait_for(lambda: name not in self._held, self._wait_s):
                raise RefusalError(851, f"Resource timeout: ('{name}',)")
            self._held.add(name)

    def release(self, name: str) -> None:
        """Gives the lock to whoever waits."""
        with self._changed:
            self._held.discard(name)
            self._changed.notify_all()
