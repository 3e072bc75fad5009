"""The works that are measured, and their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from benchmarks.order import Play, Shape

Figure: TypeAlias = Literal["rate", "latency", "recovery", "idle"]
"""How a work is read: units per second, ms to the end, seconds to the last end, CPU at rest."""

THREADS = 16
CRASH_DEADLINE_S = 150.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """One group of rows of the table. `--only` takes its key, or the first letter of several keys."""

    key: str
    title: str
    figure: Figure
    unit: str
    play: Play = "run"
    shape: Shape = "chain"
    commands: int = 0
    parts: int = 10
    workers: int = 2
    step_s: float = 0.0
    stored: int = 0
    window_s: float = 0.0
    deadline_s: float = 300.0
    embedded: bool = False

    @property
    def letter(self) -> str:
        return self.key[0]


def works(*, quick: bool) -> tuple[Work, ...]:
    """Gives all works, in the sizes of a full run or of a quick one."""
    return (
        _steps("0", "one durable step, two processes × 16 writers", play="floor",
               commands=16, window_s=2 if quick else 5),
        _steps("a", f"{_n(100, 500, quick)} commands × 10 steps in sequence",
               commands=_n(100, 500, quick)),
        _steps("b", f"{_n(5, 20, quick)} × 100 children side by side, joined", shape="fan",
               unit="children/s", commands=_n(5, 20, quick), parts=100),
        _steps("b1", f"1 × {_n(1000, 10_000, quick):,} children, joined", shape="fan",
               unit="children/s", commands=1, parts=_n(1000, 10_000, quick)),
        Work(key="c", title="latency of one command of 10 steps, idle system", figure="latency",
             unit="ms", play="latency", commands=_n(30, 200, quick)),
        Work(key="d", title="kill -9 of all workers, 200 in flight: last end after restart",
             figure="recovery", unit="s", play="crash", commands=200, step_s=0.005,
             deadline_s=CRASH_DEADLINE_S),
        *_waiting(quick=quick),
        _steps("f", "submit, one caller", play="submit", unit="commands/s",
               commands=_n(200, 1000, quick)),
        *_growth(quick=quick),
        _steps("h", f"embedded: {_n(100, 500, quick)} × 10 steps, SQLite",
               commands=_n(100, 500, quick), workers=1, embedded=True),
        *(_steps(f"i{count}", f"{_n(100, 500, quick)} × 10 steps, {count} worker processes",
                 commands=_n(100, 500, quick), workers=count) for count in (1, 2, 4)),
    )  # fmt: skip


def _waiting(*, quick: bool) -> tuple[Work, ...]:
    sizes = (1_000, 10_000) if quick else (10_000, 100_000)
    return tuple(
        Work(key=f"e{size}", title=f"{size:,} commands waiting on outside tasks", figure="idle",
             unit="% CPU", play="waiting", commands=size, parts=1, window_s=_n(8, 60, quick),
             deadline_s=1200.0)
        for size in sizes
    )  # fmt: skip


def _growth(*, quick: bool) -> tuple[Work, ...]:
    """Gives trees of growing size with equally many steps in all, and stores of growing size."""
    steps = 1_000 if quick else 10_000
    trees = tuple(
        _steps(f"g{parts}", f"{steps // parts:,} × {parts:,} parts in one tree", shape="fan",
               commands=steps // parts, parts=parts)
        for parts in (10, 100, 1_000, 10_000) if parts <= steps
    )  # fmt: skip
    stored = tuple(
        _steps(f"gs{count}", f"{_n(100, 500, quick)} × 10 steps beside {count:,} stored commands",
               play="stored", commands=_n(100, 500, quick), stored=count, deadline_s=1200.0)
        for count in ((1_000, 20_000) if quick else (1_000, 100_000, 1_000_000))
    )  # fmt: skip
    return (*trees, *stored)


def _steps(
    key: str,
    title: str,
    *,
    commands: int,
    unit: str = "steps/s",
    play: Play = "run",
    shape: Shape = "chain",
    parts: int = 10,
    workers: int = 2,
    stored: int = 0,
    window_s: float = 0.0,
    deadline_s: float = 300.0,
    embedded: bool = False,
) -> Work:
    return Work(
        key=key, title=title, figure="rate", unit=unit, play=play, shape=shape, commands=commands,
        parts=parts, workers=workers, stored=stored, window_s=window_s, deadline_s=deadline_s,
        embedded=embedded,
    )  # fmt: skip


def _n(quick_size: int, full_size: int, quick: bool) -> int:
    return quick_size if quick else full_size
