"""The feed: one reader for all listeners, and no event missed by any of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from orchestrator import Command
from orchestrator.core.entity import Transition
from orchestrator.core.query import Page
from orchestrator.monitor.feed import Feed
from orchestrator.store.memory import MemoryStore
from orchestrator.testing import Stage

DEADLINE_S = 10


class Note(Command, kind="test.note"):
    """Does nothing."""

    def execute(self) -> None: ...


class CountingStore(MemoryStore):
    """Counts how often the event log is read."""

    reads = 0

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        self.reads += 1
        return super().get_modified_commands(after, limit)


def perform(stage: Stage, times: int) -> None:
    for _ in range(times):
        stage.perform(Note())


async def heard(feed: Feed, after: int, until: int) -> list[int]:
    """Listens until the event of that number; gives the numbers of all that came."""
    numbers: list[int] = []
    listening = feed.follow(after)
    async for events in listening:
        numbers.extend(one.seq for one in events)
        if numbers[-1] >= until:
            break
    await listening.aclose()  # type: ignore[attr-defined]
    return numbers


def test_all_listeners_hear_everything_wherever_they_begin() -> None:
    stage = Stage((Note,))
    perform(stage, 50)
    feed = Feed(stage.store, interval_s=0.005, keep=20)
    last = stage.store.last_event() + 60

    async def play() -> Sequence[list[int]]:
        listeners = [asyncio.create_task(heard(feed, start, last)) for start in (0, 17, 90, 100)]
        for _ in range(40):
            await asyncio.to_thread(perform, stage, 1)
        async with asyncio.timeout(DEADLINE_S):
            return await asyncio.gather(*listeners)

    found = asyncio.run(play())

    for start, numbers in zip((0, 17, 90, 100), found, strict=True):
        assert numbers == list(range(start + 1, numbers[-1] + 1))


def test_the_log_is_read_once_for_any_number_of_listeners() -> None:
    store = CountingStore()
    stage = Stage((Note,), store=store)
    perform(stage, 3)
    feed = Feed(store, interval_s=0.005)

    async def play() -> tuple[int, float]:
        begin, began = store.last_event(), time.monotonic()
        listeners = [asyncio.create_task(heard(feed, begin, begin + 20)) for _ in range(100)]
        while feed.listeners < 100:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.to_thread(perform, stage, 1)
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*listeners)
        return store.reads, time.monotonic() - began

    reads, seconds = asyncio.run(play())

    # Each may have to catch up once; what follows is read for all, once in an interval.
    assert reads < 150 + seconds / 0.005


def test_nobody_reads_the_log_when_nobody_listens() -> None:
    store = CountingStore()
    stage = Stage((Note,), store=store)
    perform(stage, 1)
    feed = Feed(store, interval_s=0.001)

    async def play() -> int:
        await heard(feed, 0, 1)
        assert feed.listeners == 0
        reads = store.reads
        for _ in range(20):
            await asyncio.sleep(0.001)
        return store.reads - reads

    assert asyncio.run(play()) == 0


def test_the_end_of_the_feed_is_where_only_news_follows() -> None:
    stage = Stage((Note,))
    perform(stage, 5)

    end = asyncio.run(Feed(stage.store).end())

    assert end == stage.store.last_event()
    assert not stage.store.get_modified_commands(end, 10).items
