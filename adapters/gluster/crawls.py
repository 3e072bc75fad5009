"""Reads what Gluster says of its self-heal daemons' walks, in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from adapters.gluster.tasks import Crawl

_BRICK = re.compile(r"^Crawl statistics for brick no (\d+)$", re.MULTILINE)
_CRAWL = re.compile(
    r"Starting time of crawl: (?P<started>.+)\s+"
    r"(?:Ending time of crawl: (?P<ended>.+)|Crawl is in progress)\s+"
    r"Type of crawl: (?P<kind>\w+)\s+"
    r"No\. of entries healed: (?P<healed>\d+)\s+"
    r"No\. of entries in split-brain: (?P<split_brain>\d+)\s+"
    r"No\. of heal failed entries: (?P<failed>\d+)"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def read_crawls(printed: str) -> tuple[Crawl, ...]:
    """Reads `volume heal V statistics`: the last walks of each brick, in their order."""
    # Text, number, text of that brick, number, ...
    parts = _BRICK.split(printed)
    return tuple(
        Crawl(
            brick=int(number),
            is_full=found["kind"] == "FULL",
            started=_time(found["started"]),
            has_ended=found["ended"] is not None,
            healed=int(found["healed"]),
            failed=int(found["failed"]) + int(found["split_brain"]),
        )
        for number, text in zip(parts[1::2], parts[2::2], strict=True)
        for found in _CRAWL.finditer(text)
    )


def latest(crawls: Iterable[Crawl]) -> dict[str, str]:
    """Gives by number of brick when its last walk began; as text, to be stored as JSON."""
    starts: dict[str, str] = {}
    for one in crawls:
        key, started = str(one.brick), one.started.isoformat()
        starts[key] = max(starts.get(key, started), started)
    return starts


def since(crawls: Collection[Crawl], starts: Mapping[str, str]) -> list[Crawl]:
    """Gives the walks that began after those, each by the clock of its own node."""
    return [one for one in crawls if one.started.isoformat() > starts.get(str(one.brick), "")]


def _time(text: str) -> datetime:
    """Reads what C's ctime gives: `Wed Nov 25 11:02:54 2026`, never translated."""
    _, month, day, clock, year = text.split()
    hour, minute, second = (int(one) for one in clock.split(":"))
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second)  # noqa: DTZ001
