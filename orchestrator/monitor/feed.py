"""The feed: one reader of the event log for all who listen, and a place in it for each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Self

import structlog
from anyio import to_thread

from orchestrator.core.entity import Transition
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.ports import Store

log = structlog.get_logger(__name__)

PAGE = 500


class Batch(tuple[Transition, ...]):
    """Events that are sent together, with no others between them and the event numbered `after`.

    All who follow are given the same one: what one of them makes of it for all is kept in `shared`.
    """

    after: int
    shared: dict[str, Any]

    def __new__(cls, events: Iterable[Transition], after: int = -1) -> Self:
        batch = super().__new__(cls, events)
        batch.after = after
        batch.shared = {}
        return batch


class Feed:
    """Reads the event log while somebody listens, once for all of them. Lives in one event loop.

    It keeps the newest events. A listener further back reads pages of its own until it has caught up;
    so a slow one costs nobody else anything, and no event is held for it.
    """

    def __init__(self, store: Store, *, interval_s: float = 0.25, keep: int = 5_000) -> None:
        self._store = store
        self._interval_s = interval_s
        self._most = keep
        self._kept: deque[Batch] = deque()
        self._number = 0  # of events in `_kept`
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

    async def follow(self, after: int, idle_s: float | None = None) -> AsyncIterator[Batch]:
        """Gives all events after that number, in order and without gaps, while one listens.

        After `idle_s` seconds without any it gives an empty batch.
        """
        self.listeners += 1
        try:
            await self._start()
            while True:
                try:
                    async with asyncio.timeout(idle_s):
                        batch = await self._next(after)
                except TimeoutError:
                    batch = Batch(())
                if batch:
                    after = batch[-1].seq
                if batch is not None:
                    yield batch
        finally:
            self.listeners -= 1
            if not self.listeners:
                self._stop()

    async def _next(self, after: int) -> Batch | None:
        if after < self._from:
            events = await self._page(after)
            if not events:  # a number that may yet appear is in the way
                await asyncio.sleep(self._interval_s)
            return Batch(events) if events else None
        if after >= self._to:
            await self._news.wait()
        if after < self._from:
            return None  # so much came while it slept that it must read for itself
        # From the newest back to the first that it has not seen: most often that is the newest.
        wanted = 0
        while wanted < len(self._kept) and self._kept[-1 - wanted][-1].seq > after:
            wanted += 1
        if not wanted:
            return None
        batch = self._kept[-wanted]
        return batch if batch.after >= after else Batch([one for one in batch if one.seq > after])

    async def _start(self) -> None:
        async with self._starting:
            while self._reader is None:
                try:
                    self._from = self._to = await self.end()
                except (UnavailableError, ContendedError) as problem:
                    await self._wait_for_the_store(problem)
                else:
                    self._kept.clear()
                    self._number = 0
                    self._reader = asyncio.create_task(self._read())

    def _stop(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read(self) -> None:
        while True:
            events = await self._page(self._to)
            if events:
                self._keep(events)
                # All who wait now are woken; who comes later waits for the next event.
                woken, self._news = self._news, asyncio.Event()
                woken.set()
            if len(events) < PAGE:  # what comes meanwhile goes out together
                await asyncio.sleep(self._interval_s)

    def _keep(self, events: Sequence[Transition]) -> None:
        self._kept.append(Batch(events, self._to))
        self._to = events[-1].seq
        self._number += len(events)
        while self._number > self._most:
            dropped = self._kept.popleft()
            self._number -= len(dropped)
            self._from = dropped[-1].seq

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
