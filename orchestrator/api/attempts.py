"""Counts failed sign-ins, and has who fails too often wait."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

from starlette.requests import Request

from orchestrator.core.errors import OrchestratorError

MOST_KEPT = 10_000


class TooManyAttemptsError(OrchestratorError):
    """Too many sign-ins have failed; `retry_after_s` is how long to wait."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many sign-ins have failed; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Attempts:
    """Failed sign-ins of one process, by address and by name. Of very many, the oldest are forgotten.

    After `most` failures within `window_s` seconds every further one has to wait for the window's end.
    """

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # number, and since when
        self._guard = threading.Lock()

    def check(self, keys: Iterable[str]) -> None:
        """Raises TooManyAttemptsError when one of these has to wait."""
        now = time.monotonic()
        with self._guard:
            waits = [
                since + self._window_s - now
                for number, since in (self._failed.get(key, (0, now)) for key in keys)
                if number >= self._most
            ]
        if (wait := max(waits, default=0.0)) > 0:
            raise TooManyAttemptsError(math.ceil(wait))

    def failed(self, keys: Iterable[str]) -> None:
        """Notes a failure of each."""
        now = time.monotonic()
        with self._guard:
            for key in keys:
                number, since = self._failed.pop(key, (0, now))
                is_over = now - since > self._window_s
                self._failed[key] = (1, now) if is_over else (number + 1, since)
            while len(self._failed) > MOST_KEPT:
                self._failed.popitem(last=False)


def keys_of(request: Request, name: str = "") -> list[str]:
    """Gives what a sign-in is counted under: where it comes from, and the name that it gives."""
    address = request.client.host if request.client else "unknown"
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        pass
    else:
        if known.version == 6:  # a customer has a whole network of these
            address = str(ipaddress.ip_network((known, 64), strict=False))
    return [f"from {address}", *([f"as {name[:100]}"] if name else ())]
