"""A piece of work: what a task or a job does on the files, and how it is undone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.vdsm.simulator.disk import Pace
from adapters.vdsm.simulator.faults import Effect, Faults
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError

Recovery = dict[str, str]
"""What a server needs to undo one thing, after a restart too: `{"name": ..., parameters}`, all text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that a work needs."""

    name: str
    shared: bool = False


@dataclass(slots=True, kw_only=True)
class Work:
    """`run` does it. `locks` are held until it has ended.

    `recoveries` undo it, the last first; they are stored before it runs.
    """

    run: Callable[[Effort], None]
    locks: Sequence[Lock] = ()
    recoveries: Sequence[Recovery] = ()


class Effort:
    """One run of a work: its pace, how far it is, and the fault that awaits it."""

    def __init__(
        self, faults: Faults, verb: str, params: object, *, bytes_per_s: float | None
    ) -> None:
        self.aborted = threading.Event()
        self.progress: float | None = None
        self._faults = faults
        self._verb = verb
        self._params = params
        self._bytes_per_s = bytes_per_s
        self._fault = faults.strike(verb, params, Effect.FAIL_WORK)
        self.is_deaf = faults.strike(verb, params, Effect.DEAF_WORK) is not None

    def begin(self) -> Pace:
        """Begins the work, later if a fault says so, and gives its pace."""
        slow = self._faults.strike(self._verb, self._params, Effect.SLOW_WORK)
        heard = threading.Event() if self.is_deaf else self.aborted
        if slow is not None and heard.wait(slow.seconds):
            raise AbortedError
        self.advance(0, 1)
        return Pace(self._bytes_per_s, heard)

    def advance(self, done: int, total: int) -> None:
        """Notes how far the work is; this is where an injected failure strikes."""
        share = done / total if total else 1.0
        self.progress = round(100.0 * share, 1)
        if self._fault is not None and share >= min(self._fault.at, 1.0):
            raise RefusalError(self._fault.code or 200, self._fault.message)
