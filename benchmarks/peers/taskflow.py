"""TaskFlow: flows and the state of each task persisted in PostgreSQL."""
# mypy: disable-error-code="import-not-found, misc, no-any-return"

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import taskflow.engines
from taskflow import states, task
from taskflow.patterns import linear_flow, unordered_flow
from taskflow.persistence import backends, models

from benchmarks.fed import Feeder, Item, serve
from benchmarks.ledger import step as effect
from benchmarks.order import Order, Shape
from benchmarks.play import main

MODULE = "benchmarks.peers.taskflow"
BOOK = "bench"

order = Order.from_environment()


class Step(task.Task):
    def __init__(self, command: int, part: int) -> None:
        super().__init__(name=f"step-{command}-{part}")
        self._command, self._part = command, part

    def execute(self) -> None:
        effect(self._command, self._part)


def make_flow(shape: Shape, command: int, parts: int) -> Any:
    """Is the factory by which another process makes the same flow again."""
    pattern = linear_flow if shape == "chain" else unordered_flow
    return pattern.Flow(f"flow-{command}").add(*(Step(command, part) for part in range(parts)))


def open_backend() -> Any:
    url = order.postgres.replace("postgresql://", "postgresql+psycopg2://")
    return backends.fetch({"connection": url, "max_pool_size": order.threads})


def load(backend: Any, item: Item) -> Any:
    """Makes an engine for a stored flow; side by side means in threads."""
    _, (shape, book, detail) = item
    with contextlib.closing(backend.get_connection()) as connection:
        flow_detail = connection.get_logbook(book).find(detail)
    options = {"engine": "serial"}
    if shape == "fan":
        options = {"engine": "parallel", "executor": "threaded", "max_workers": str(order.threads)}
    return taskflow.engines.load_from_detail(flow_detail, backend=backend, **options)


def unfinished(backend: Any, worker: int) -> Iterator[Item]:
    """Gives this worker's share of the flows that a killed process left behind."""
    with contextlib.closing(backend.get_connection()) as connection:
        for book in connection.get_logbooks():
            number = int(book.meta["number"])
            for detail in book:
                mine = number % order.workers == worker
                if mine and detail.state != states.SUCCESS:
                    yield number, (book.meta["shape"], book.uuid, detail.uuid)


def work() -> None:
    """Is the main of a worker process."""
    backend = open_backend()

    def run(item: Item) -> None:
        load(backend, item).run()

    serve(order, run, list(unfinished(backend, int(os.environ["BENCH_WORKER"]))))


class TaskFlow:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._feeder = Feeder(order.room)
        self._backend: Any = None

    def prepare(self) -> None:
        self._backend = open_backend()
        with contextlib.closing(self._backend.get_connection()) as connection:
            connection.upgrade()

    def worker_commands(self) -> Sequence[Sequence[str]]:
        return [[sys.executable, "-m", MODULE, "work"]] * self._order.workers

    def await_workers(self) -> None:
        self._feeder.await_workers(self._order.workers)

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        self._feeder.feed([self._store(shape, number, parts) for number in commands])
        return commands

    def _store(self, shape: Shape, number: int, parts: int) -> Item:
        """Stores the flow first, so that it can be resumed before it was ever begun."""
        book = models.LogBook(f"{BOOK}-{number}")
        book.meta.update({"number": number, "shape": shape})
        detail = models.FlowDetail(f"flow-{number}", uuid=book.uuid[:-4] + "beef")
        book.add(detail)
        taskflow.engines.save_factory_details(
            detail, f"{MODULE}.make_flow", (shape, number, parts), {}
        )
        with contextlib.closing(self._backend.get_connection()) as connection:
            connection.save_logbook(book)
        return number, (shape, book.uuid, detail.uuid)

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        return self._feeder.wait(handles, deadline_s)

    def close(self) -> None:
        self._feeder.close()


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else main(TaskFlow)
