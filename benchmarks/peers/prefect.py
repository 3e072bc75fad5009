"""Prefect: flows and tasks that report each state to its server, which runs on PostgreSQL."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from typing import Any

from benchmarks.fed import Feeder, Item, serve
from benchmarks.ledger import step as effect
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import free_port, until

MODULE = "benchmarks.peers.prefect"
START_DEADLINE_S = 120.0


def work() -> None:
    """Is the main of a worker process."""
    # The contestant itself does without Prefect, which takes seconds to import.
    from prefect import flow, task  # noqa: PLC0415
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415

    order = Order.from_environment()

    @task
    def step(command: int, part: int) -> None:
        effect(command, part)

    @flow
    def run_chain(command: int, parts: int) -> None:
        for part in range(parts):
            step(command, part)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=order.threads))
    def run_fan(command: int, parts: int) -> None:
        for future in [step.submit(command, part) for part in range(parts)]:
            future.result()

    def run(item: Item) -> None:
        number, (shape, parts) = item
        (run_chain if shape == "chain" else run_fan)(number, parts)

    serve(order, run)


class Prefect:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._feeder = Feeder(order.room)
        self._server: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        port = free_port()
        url = self._order.postgres.replace("postgresql://", "postgresql+asyncpg://")
        os.environ.update(
            PREFECT_HOME=str(self._order.room / "prefect"),
            PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
            PREFECT_API_DATABASE_CONNECTION_URL=url,
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            PREFECT_SERVER_UI_ENABLED="false",
            PREFECT_LOGGING_LEVEL="ERROR",
            DO_NOT_TRACK="1",
        )
        with (self._order.room / "server.log").open("wb") as log:
            command = [sys.executable, "-m", "prefect", "server", "start"]
            options = ["--host", "127.0.0.1", "--port", str(port), "--no-ui"]
            self._server = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        until(self._is_up, deadline_s=START_DEADLINE_S, what="the start of the server")

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(os.environ["PREFECT_API_URL"] + "/health", timeout=5):
                return True
        except OSError:
            return False

    def worker_commands(self) -> Sequence[Sequence[str]]:
        return [[sys.executable, "-m", MODULE, "work"]] * self._order.workers

    def await_workers(self) -> None:
        self._feeder.await_workers(self._order.workers)

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        self._feeder.feed([(number, (shape, parts)) for number in commands])
        return commands

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        return self._feeder.wait(handles, deadline_s)

    def close(self) -> None:
        self._feeder.close()
        if self._server is not None:
            self._server.kill()
            self._server.wait()


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else main(Prefect)
