"""The feed: one reader of the event log for all who listen, and a place in it for each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import structlog
from anyio import to_thread

from orchestrator.core.entity import Transition
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.ports import Store

log = structlog.get_logger(__name__)

PAGE = 500


class Feed:
    """Reads the event log while somebody listens, once for all of them. Lives in one event loop.

    It keeps the newest events. A listener further back reads pages of its own until it has caught up;
    so a slow one costs nobody else anything, and no event is held for it.
    """

    def __init__(self, store: Store, *, interval_s: float = 0.25, keep: int = 5_000) -> None:
        self._store = store
        self._interval_s = interval_s
        self._kept: deque[Transition] = deque(maxlen=keep)
        self._from = 0  # `_kept` holds all events after this number ...
        self._to = 0  # ... up to this one
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self.listeners = 0

    async def end(self) -> int:
        """Gives the number after which a listener gets only what is new.

        It is not simply the greatest: an event with a lesser number may be about to be committed.
        """
        last = await to_thread.run_sync(self._store.last_event)
        page = await to_thread.run_sync(
            self._store.get_modified_commands, max(0, last - PAGE), PAGE
        )
        return int(page.cursor or 0)

    async def follow(self, after: int) -> AsyncIterator[Sequence[Transition]]:
        """Gives all events after that number, in order and without gaps, while one listens."""
        self.listeners += 1
        try:
            await self._start()
            while True:
                events = await self._next(after)
                if events:
                    after = events[-1].seq
                    yield events
        finally:
            self.listeners -= 1
            if not self.listeners:
                self._stop()

    async def _next(self, after: int) -> Sequence[Transition]:
        if after < self._from:
            events = await self._page(after)
            if not events:  # a number that may yet appear is in the way
                await asyncio.sleep(self._interval_s)
            return events
        if after >= self._to:
            await self._news.wait()
        if after < self._from:
            return ()  # so much came while it slept that it must read for itself
        return [one for one in self._kept if one.seq > after]

    async def _start(self) -> None:
        async with self._starting:
            while self._reader is None:
                try:
                    self._from = self._to = await self.end()
                except (UnavailableError, ContendedError) as problem:
                    await self._wait_for_the_store(problem)
                else:
                    self._kept.clear()
                    self._reader = asyncio.create_task(self._read())

    def _stop(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read(self) -> None:
        while True:
            events = await self._page(self._to)
            if not events:
                await asyncio.sleep(self._interval_s)
                continue
            self._keep(events)
            # All who wait now are woken; who comes later waits for the next event.
            woken, self._news = self._news, asyncio.Event()
            woken.set()

    def _keep(self, events: Sequence[Transition]) -> None:
        for one in events:
            if len(self._kept) == self._kept.maxlen:
                self._from = self._kept[0].seq
            self._kept.append(one)
        self._to = events[-1].seq

    async def _page(self, after: int) -> Sequence[Transition]:
        try:
            page = await to_thread.run_sync(self._store.get_modified_commands, after, PAGE)
        except (UnavailableError, ContendedError) as problem:
            await self._wait_for_the_store(problem)
            return ()
        return page.items

    async def _wait_for_the_store(self, problem: Exception) -> None:
        log.warning("feed_waits", why=str(problem))
        await asyncio.sleep(max(1.0, self._interval_s))
