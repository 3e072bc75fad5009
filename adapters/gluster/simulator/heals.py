"""What a volume's bricks have to be healed of, and the walks of the daemon that does it."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

ROOT = "/"


class Walk(TypedDict):
    """One walk over a brick; times are seconds since the epoch."""

    started: float
    ended: float | None
    kind: str  # INDEX, FULL
    healed: int
    failed: int


class HealState(TypedDict):
    """`marks` are by brick the entries that it lacks, the root among them; `walks` are by brick."""

    marks: dict[str, list[str]]
    walks: dict[str, list[Walk]]


class HealBook:
    """The file of one volume's heals. Requests and the daemon write it, each under its lock."""

    def __init__(self, tasks_dir: Path, volume: str) -> None:
        self._path = tasks_dir / f"{volume}.heals"
        self.life_line = tasks_dir / f"{volume}.healer"

    @contextmanager
    def open(self) -> Iterator[HealState]:
        """Gives the state, to be read or changed."""
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read()
            state: HealState = json.loads(text) if text else {"marks": {}, "walks": {}}
            yield state
            file.seek(0)
            file.truncate()
            json.dump(state, file)

    def begin(self, brick: str, kind: str) -> None:
        """Notes that a walk over a brick has begun."""
        walk: Walk = {
            "started": time.time(),
            "ended": None,
            "kind": kind,
            "healed": 0,
            "failed": 0,
        }
        with self.open() as state:
            state["walks"].setdefault(brick, []).append(walk)

    def end(self, brick: str, *, healed: int, failed: int) -> None:
        """Notes how the last walk over a brick ended."""
        with self.open() as state:
            walks = state["walks"].get(brick)
            if walks:  # a replacement in between starts the daemon, and its book, anew
                walks[-1] |= {"ended": time.time(), "healed": healed, "failed": failed}
