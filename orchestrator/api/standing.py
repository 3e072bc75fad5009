"""Whether the tokens of those who stay on a stream are still in force."""

from __future__ import annotations

import time

from anyio import to_thread

from orchestrator.core.access import Tokens
from orchestrator.core.errors import ContendedError, UnavailableError

FRESH_S = 2.0
MOST_KEPT = 1_000


class Standing:
    """Looks tokens up for streams, each at most once in two seconds, however many streams it has."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._looked: dict[str, tuple[float, bool]] = {}  # when, and what was found

    async def holds(self, digest: str) -> bool:
        """Says whether a token or session is in force, as of two seconds ago at most."""
        now = time.monotonic()
        at, holds = self._looked.get(digest, (-FRESH_S, True))
        if now - at < FRESH_S:
            return holds
        if len(self._looked) >= MOST_KEPT:
            self._looked.clear()
        self._looked[digest] = (now, holds)  # whoever comes meanwhile need not look as well
        try:
            holds = await to_thread.run_sync(self._tokens.find, digest) is not None
        except (UnavailableError, ContendedError):
            return holds  # nobody is shown out because the database is away
        self._looked[digest] = (now, holds)
        return holds
