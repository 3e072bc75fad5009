"""The ledger of effects: a line for each step that truly ran, to count the lost and repeated."""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.order import WARM_UP_FROM, Order

FILE = "ledger"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How often steps ran: `ran` in all, `distinct` steps, `commands` they belong to."""

    ran: int
    distinct: int
    commands: int

    @property
    def repeated(self) -> int:
        return self.ran - self.distinct


@functools.cache
def _open(room: str) -> int:
    return os.open(Path(room) / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


@functools.cache
def _order() -> Order:
    return Order.from_environment()


def step(command: int, part: int) -> None:
    """Is the trivial step of every contestant: one appended line, and the sleep that is ordered.

    A line is one write of an appending descriptor, so lines of several processes do not mix, and
    what a killed process wrote is kept. It is written before the sleep, so that a step which is
    killed midway and runs again counts as repeated.
    """
    order = _order()
    os.write(_open(order.directory), b"%d %d\n" % (command, part))
    if order.step_s:
        time.sleep(order.step_s)


async def step_async(command: int, part: int) -> None:
    """Is `step` for contestants whose steps are coroutines."""
    import asyncio  # noqa: PLC0415 - threads of other contestants need not load it

    order = _order()
    os.write(_open(order.directory), b"%d %d\n" % (command, part))
    if order.step_s:
        await asyncio.sleep(order.step_s)


def tally(room: Path) -> Tally:
    """Counts the ledger of a run, without its warm-up."""
    try:
        lines = (room / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        lines = []
    ran: Counter[tuple[int, int]] = Counter()
    for line in lines:
        command, _, part = line.partition(b" ")
        if part and int(command) < WARM_UP_FROM:
            ran[int(command), int(part)] += 1
    return Tally(ran=ran.total(), distinct=len(ran), commands=len({command for command, _ in ran}))
