"""procrastinate: jobs in PostgreSQL, each of which defers the next."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import procrastinate
import psycopg

from benchmarks.ledger import step_async
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import count_ready, report_ready, until

HEARTBEAT_S = 1.0
STALLED_S = 3.0
RESCUE_EVERY_S = 1.0
WAIT_POLL_S = 0.005
LAST = "last"
"""The queue of last steps: there is an index on queues, so that waiting disturbs little."""

order = Order.from_environment()
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=order.postgres, min_size=2, max_size=order.threads + 4
    )
)


@app.task(name="step", pass_context=False)
async def step(command: int, part: int, parts: int) -> None:
    await step_async(command, part)
    if part + 1 < parts:
        following = step.configure(queue=LAST) if part + 2 == parts else step
        await following.defer_async(command=command, part=part + 1, parts=parts)


async def run_worker() -> None:
    async with app.open_async():
        report_ready(order.room)
        await app.run_worker_async(
            concurrency=order.threads,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_S,
        )


class Procrastinate:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._stopping = threading.Event()
        self._connection: Any = None
        self._stack = contextlib.ExitStack()

    def prepare(self) -> None:
        self._connection = psycopg.connect(self._order.postgres, autocommit=True)
        sync = procrastinate.SyncPsycopgConnector(conninfo=self._order.postgres)
        self._stack.enter_context(app.replace_connector(sync))
        self._stack.enter_context(app.open())
        app.schema_manager.apply_schema()
        if self._order.play == "crash":
            threading.Thread(target=lambda: asyncio.run(self._rescue()), daemon=True).start()

    async def _rescue(self) -> None:
        """Retries the jobs of dead workers, which a deployment does by a periodic task."""
        rescuer = app.with_connector(
            procrastinate.PsycopgConnector(conninfo=self._order.postgres, min_size=1, max_size=1)
        )
        async with rescuer.open_async():
            manager = rescuer.job_manager
            while not self._stopping.is_set():
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
                    await manager.retry_job(job)
                await asyncio.sleep(RESCUE_EVERY_S)

    def worker_commands(self) -> Sequence[Sequence[str]]:
        command = [sys.executable, "-m", "benchmarks.peers.procrastinate", "work"]
        return [command] * self._order.workers

    def await_workers(self) -> None:
        until(
            lambda: count_ready(self._order.room) >= self._order.workers,
            deadline_s=60,
            what="the start of the workers",
        )

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        for number in commands:
            step.defer(command=number, part=0, parts=parts)
        return commands

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        """Waits for the last job of each command, whose number is in its arguments."""
        end = time.monotonic() + deadline_s
        numbers = list(handles)
        while True:
            row = self._connection.execute(
                "SELECT count(DISTINCT args->>'command') FROM procrastinate_jobs "
                "WHERE queue_name = 'last' AND status = 'succeeded' "
                "AND (args->>'command')::int = ANY(%s)",
                [numbers],
            ).fetchone()
            if row[0] == len(numbers) or time.monotonic() > end:
                return int(row[0])
            time.sleep(WAIT_POLL_S if len(numbers) == 1 else 10 * WAIT_POLL_S)

    def close(self) -> None:
        self._stopping.set()
        self._stack.close()
        if self._connection is not None:
            self._connection.close()


if __name__ == "__main__":
    asyncio.run(run_worker()) if sys.argv[1:] == ["work"] else main(Procrastinate)
