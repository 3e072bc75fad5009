"""The floor: the smallest honest durable step, without any engine around it."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks.order import Answer, Order, Shape
from benchmarks.play import main, measured
from benchmarks.processes import Processes

ROWS = 10_000
SCHEMA = """
CREATE TABLE command (id int PRIMARY KEY, status text NOT NULL, revision int NOT NULL);
CREATE TABLE event (id bigserial PRIMARY KEY, command_id int NOT NULL, status text NOT NULL,
                    at timestamptz NOT NULL DEFAULT now());
"""
FILL = f"INSERT INTO command SELECT n, 'running', 0 FROM generate_series(0, {ROWS - 1}) n"
STEP = """
WITH moved AS (
    UPDATE command SET status = 'ended', revision = revision + 1
    WHERE id = %s AND revision = %s RETURNING id, status)
INSERT INTO event (command_id, status) SELECT id, status FROM moved
"""
"""A transition with compare-and-set and its event: one statement, one round trip, one commit."""


class Floor:
    """Not an engine, so it submits and waits for nothing; it only plays its own work."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def prepare(self) -> None:
        with psycopg.connect(self._order.postgres) as connection:
            connection.execute(SCHEMA)
            connection.execute(FILL)
        with psycopg.connect(self._order.postgres, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE command")

    def floor(self, processes: Processes) -> Answer:
        """Lets two processes of many threads write for the length of the window."""
        order = self._order
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(order.workers + 1)
        counts = context.Queue()
        writers = [
            context.Process(target=write, args=(order, number, start, counts))
            for number in range(order.workers)
        ]
        for writer in writers:
            writer.start()
        start.wait()
        with measured() as elapsed:
            start.wait()
            units = sum(counts.get() for _ in writers)
            seconds = elapsed()
        for writer in writers:
            writer.join()
        return Answer(seconds=seconds, units=units)

    def worker_commands(self) -> Sequence[Sequence[str]]:
        return []

    def await_workers(self) -> None:
        return

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        return []

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        return 0

    def close(self) -> None:
        return


def write(order: Order, number: int, start: Any, counts: Any) -> None:
    """Is one writing process: its threads move rows that no other thread touches."""
    connections = [
        psycopg.connect(order.postgres, autocommit=True, prepare_threshold=0)
        for _ in range(order.threads)
    ]
    moved = [0] * order.threads
    start.wait()
    start.wait()
    end = time.monotonic() + order.window_s

    def move(thread: int) -> None:
        first = (number * order.threads + thread) * (ROWS // (order.workers * order.threads))
        rows = ROWS // (order.workers * order.threads)
        with connections[thread] as connection:
            while time.monotonic() < end:
                done = moved[thread]
                connection.execute(STEP, (first + done % rows, done // rows))
                moved[thread] += 1

    threads = [threading.Thread(target=move, args=(thread,)) for thread in range(order.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(sum(moved))


if __name__ == "__main__":
    main(Floor)
