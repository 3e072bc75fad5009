"""DBOS: workflows and steps checkpointed in PostgreSQL, or in SQLite within one process."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig

from benchmarks.ledger import step as effect
from benchmarks.ledger import step_async
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import count_ready, report_ready, until

QUEUE = "commands"
POLL_S = 0.05
WAIT_POLL_S = 0.005
AT_ONCE = 16
VERSION = "bench"

order = Order.from_environment()


@DBOS.step()
def step(command: int, part: int) -> None:
    effect(command, part)


@DBOS.workflow()
def run_chain(command: int, parts: int) -> None:
    for part in range(parts):
        step(command, part)


@DBOS.step()
async def step_async_(command: int, part: int) -> None:
    await step_async(command, part)


@DBOS.workflow()
async def run_fan(command: int, parts: int) -> None:
    await asyncio.gather(*(step_async_(command, part) for part in range(parts)))


def database_url() -> str:
    if order.embedded:
        return f"sqlite:///{order.room}/dbos.sqlite"
    return order.postgres


def launch(executor: str) -> None:
    """Starts DBOS in this process; the same executor id after a crash makes it recover its own."""
    config = DBOSConfig(
        name="bench",
        system_database_url=database_url(),
        application_version=VERSION,
        executor_id=executor,
        log_level="WARNING",
    )
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=POLL_S)


def work() -> None:
    """Is the main of a worker process."""
    launch(f"worker-{os.environ['BENCH_WORKER']}")
    report_ready(order.room)
    signal.pause()


class Dbos:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._client: Any = None
        self._inside = order.embedded or order.play == "latency"

    def prepare(self) -> None:
        if self._inside:
            launch("embedded")
            return
        # Its migrations run in the process that launches first; two at once wait for each other.
        DBOS(config=DBOSConfig(name="bench", system_database_url=database_url()))
        DBOS.launch()
        DBOS.destroy()
        self._client = DBOSClient(system_database_url=database_url())

    def worker_commands(self) -> Sequence[Sequence[str]]:
        if self._inside:
            return []
        return [[sys.executable, "-m", "benchmarks.peers.dbos", "work"]] * self._order.workers

    def await_workers(self) -> None:
        expected = len(self.worker_commands())
        until(
            lambda: count_ready(self._order.room) >= expected,
            deadline_s=60,
            what="the start of the workers",
        )

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        workflow = run_chain if shape == "chain" else run_fan
        if self._inside:
            return [DBOS.start_workflow(workflow, number, parts) for number in commands]
        options = {"workflow_name": workflow.__qualname__, "queue_name": QUEUE}
        options["app_version"] = VERSION
        return [self._client.enqueue(options, number, parts) for number in commands]

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        # Its wait knows no deadline; a run that takes too long is ended from outside.
        for handle in handles:
            handle.get_result(polling_interval_sec=WAIT_POLL_S)
        return len(handles)

    def close(self) -> None:
        if self._client is not None:
            self._client.destroy()
        if self._inside:
            DBOS.destroy()


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else main(Dbos)
