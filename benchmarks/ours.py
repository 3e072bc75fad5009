"""Ourselves as a contestant: workers, a scheduler and a caller, each as a deployment has them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks.commands import SCOPES, Chain, Crowd, Fan, count_polls
from benchmarks.ledger import tally
from benchmarks.order import WARM_UP_FROM, Answer, Order, Shape
from benchmarks.play import main, measured, start_and_warm_up
from benchmarks.processes import Processes, until
from benchmarks.stored import fill
from orchestrator.app import Orchestrator

MODULES = "benchmarks.commands"
CROWD = 1_000
"""Waiting commands are submitted as parts of trees of this size: quicker than one by one."""


class Ours:
    """The scheduler is no worker: it is started once and outlives them, as a peer's server does."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._always = Processes(order.room)
        self._app: Orchestrator | None = None

    def prepare(self) -> None:
        order = self._order
        database = order.postgres.replace("postgresql://", "postgresql+psycopg://")
        if order.embedded:
            database = f"sqlite:///{order.room}/orchestrator.db"
        os.environ.update(
            ORCHESTRATOR_DATABASE_URL=database,
            ORCHESTRATOR_BROKER_URL=f"{order.redis}/0",
            ORCHESTRATOR_MODULES=MODULES,
            ORCHESTRATOR_DATA_DIR=str(order.room / "data"),
        )
        subprocess.run(
            [sys.executable, "-m", "workers.admin", "upgrade"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        # Its Celery app reads the settings when it is imported.
        from workers.connect import connect  # noqa: PLC0415

        self._app = connect()
        self._always.start([[sys.executable, "-m", "workers.schedule"]])

    @property
    def app(self) -> Orchestrator:
        assert self._app is not None
        return self._app

    def worker_commands(self) -> Sequence[Sequence[str]]:
        one = [sys.executable, "-m", "workers.worker", "-c", str(self._order.threads)]
        return [[*one, "-n", f"w{number}@bench"] for number in range(self._order.workers)]

    def await_workers(self) -> None:
        until(
            lambda: self._count_workers() >= self._order.workers,
            deadline_s=60,
            what="the start of the workers",
        )

    def _count_workers(self) -> int:
        return sum(worker.role == "worker" for worker in self.app.store.workers())

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        kind = Chain if shape == "chain" else Fan
        wanted = [kind(command=number, parts=parts) for number in commands]
        return [handle.id for handle in self.app.submit_many(wanted)]

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        end = time.monotonic() + deadline_s
        ended = 0
        for handle in handles:
            found = self.app.wait(handle, max(0.0, end - time.monotonic()))
            ended += found.status.is_final
        return ended

    def stored(self, processes: Processes) -> Answer:
        """Runs chains in a store that already holds many ended commands."""
        order = self._order
        start_and_warm_up(order, self, processes)
        (template,) = self.submit("chain", [WARM_UP_FROM + 999], order.parts)
        self.wait([template], order.deadline_s)
        trees = fill(order.postgres, template, order.stored)
        with measured() as elapsed:
            handles = self.submit("chain", range(order.commands), order.parts)
            self.wait(handles, order.deadline_s)
            seconds = elapsed()
        found = tally(order.room)
        if found.distinct < order.commands * order.parts:
            raise RuntimeError(f"only {found.distinct} steps ran")
        facts = {"trees": trees, "repeated": found.repeated}
        return Answer(seconds=seconds, units=found.distinct, facts=facts)

    def waiting(self, processes: Processes) -> Answer:
        """Lets commands wait for what does not end, and looks at what that costs."""
        order = self._order
        processes.start(self.worker_commands())
        self.await_workers()
        for first in range(0, order.commands, CROWD):
            self.app.submit(Crowd(first=first, parts=min(CROWD, order.commands - first)))
        with psycopg.connect(order.postgres, autocommit=True) as connection:
            until(
                lambda: _count_polled(connection) >= order.commands,
                deadline_s=order.deadline_s,
                what=f"the start of {order.commands} outside tasks",
            )
            # Rest is measured, not what the server would do later for the work before it.
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            before = count_polls(order.room)
            until(
                lambda: count_polls(order.room) >= before + 2 * SCOPES,
                deadline_s=order.deadline_s,
                what="two polls of each scope",
            )
            before = count_polls(order.room)
            with measured() as elapsed:
                time.sleep(order.window_s)  # the window itself: what is measured is rest
                seconds = elapsed()
            polls = count_polls(order.room) - before
            still = _count_polled(connection)
        facts = {"polls": polls, "scopes": SCOPES, "still_waiting": still}
        return Answer(seconds=seconds, units=order.commands, facts=facts)

    def close(self) -> None:
        self._always.kill()


def _count_polled(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM async_task WHERE state = 'Polling'").fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    main(Ours)
