"""Oban for Python, the free edition: jobs in PostgreSQL, each of which inserts the next."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from oban import Oban, worker
from oban.schema import install

from benchmarks.ledger import step_async
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import count_ready, report_ready, until

QUEUE = "steps"
LAST = "last"
"""The queue of last steps: there is an index on queues, so that waiting disturbs little."""
RESCUE_EVERY_S = 1.0
RESCUE_AFTER_S = 2.0
"""It takes jobs for orphaned by their age alone, so a shorter time would run long steps twice."""
WAIT_POLL_S = 0.005

order = Order.from_environment()


@worker(queue=QUEUE)
class Step:
    async def process(self, job: Any) -> None:
        command, part, parts = (job.args[name] for name in ("command", "part", "parts"))
        await step_async(command, part)
        if part + 1 < parts:
            following = {"command": command, "part": part + 1, "parts": parts}
            queue = LAST if part + 2 == parts else QUEUE
            await Step.enqueue(following, queue=queue)  # type: ignore[attr-defined] # decorated


def make_first(command: int, parts: int) -> Any:
    """Makes the job of a command's first step."""
    return Step.new({"command": command, "part": 0, "parts": parts})  # type: ignore[attr-defined]


async def run_worker() -> None:
    pool = await Oban.create_pool(order.postgres, min_size=2, max_size=order.threads + 4)
    lifeline = {"interval": RESCUE_EVERY_S, "rescue_after": RESCUE_AFTER_S}
    async with Oban(
        pool=pool, queues={QUEUE: order.threads, LAST: order.threads}, lifeline=lifeline
    ):
        report_ready(order.room)
        await asyncio.Event().wait()


class ObanFree:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._loop = asyncio.new_event_loop()
        self._oban: Any = None
        self._connection: Any = None

    def prepare(self) -> None:
        self._connection = psycopg.connect(self._order.postgres, autocommit=True)
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._call(self._open())

    async def _open(self) -> None:
        pool = await Oban.create_pool(self._order.postgres, min_size=1, max_size=4)
        await install(pool)
        self._oban = Oban(pool=pool)
        await self._oban.start()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def worker_commands(self) -> Sequence[Sequence[str]]:
        return [[sys.executable, "-m", "benchmarks.peers.oban", "work"]] * self._order.workers

    def await_workers(self) -> None:
        until(
            lambda: count_ready(self._order.room) >= self._order.workers,
            deadline_s=60,
            what="the start of the workers",
        )

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        async def enqueue() -> None:
            for number in commands:
                await self._oban.enqueue(make_first(number, parts))

        self._call(enqueue())
        return commands

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        """Waits for the last job of each command, whose number is in its arguments."""
        end = time.monotonic() + deadline_s
        numbers = list(handles)
        while True:
            row = self._connection.execute(
                "SELECT count(DISTINCT args->>'command') FROM oban_jobs "
                "WHERE state = 'completed' AND queue = 'last' "
                "AND (args->>'command')::int = ANY(%s)",
                [numbers],
            ).fetchone()
            if row[0] == len(numbers) or time.monotonic() > end:
                return int(row[0])
            time.sleep(WAIT_POLL_S if len(numbers) == 1 else 10 * WAIT_POLL_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


if __name__ == "__main__":
    # Jobs name their worker by its module, which is not __main__ for those that only enqueue.
    from benchmarks.peers import oban as here  # noqa: PLW0406 - for that very reason

    asyncio.run(here.run_worker()) if sys.argv[1:] == ["work"] else main(here.ObanFree)
