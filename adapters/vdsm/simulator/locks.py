"""The locks on images that verbs and jobs wait for: shared by those who read, exclusive to who writes."""

from __future__ import annotations

import threading
from collections import Counter

from adapters.vdsm.simulator.refusal import RefusalError

VERB_WAIT_S = 120.0
"""How long a verb waits inside its call. Jobs wait without end."""


class ResourceLocks:
    """Locks by name; whoever holds one may release it from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._exclusive: set[str] = set()
        self._shared: Counter[str] = Counter()

    def acquire(self, name: str, *, shared: bool = False, wait_s: float | None = None) -> None:
        """Waits for the lock, for `wait_s` at most; then refuses with 851, as VDSM does."""

        def is_free() -> bool:
            return name not in self._exclusive and (shared or not self._shared[name])

        with self._changed:
            if not self._changed.wait_for(is_free, wait_s):
                raise RefusalError(851, f"Resource timeout: ('{name}',)")
            if shared:
                self._shared[name] += 1
            else:
                self._exclusive.add(name)

    def release(self, name: str, *, shared: bool = False) -> None:
        """Gives the lock to whoever waits."""
        with self._changed:
            if shared:
                self._shared[name] -= 1
            else:
                self._exclusive.discard(name)
            self._changed.notify_all()
