"""Feeds commands to the processes of a peer that takes no submissions, and hears of their ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.order import Order
from benchmarks.processes import until

Item: TypeAlias = tuple[int, Any]
"""A command's number, and what its process needs to know of it."""

SOCKET = "feed"


class Feeder:
    """The contestant's end: hands items out in turn and keeps the numbers of those that ended."""

    def __init__(self, room: Path) -> None:
        self._listener = Listener(str(room / SOCKET), "AF_UNIX", backlog=16)
        self._connections: list[Connection] = []
        self._ended: set[int] = set()
        self._change = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def await_workers(self, count: int) -> None:
        """Returns when so many worker processes are connected."""
        until(
            lambda: len(self._connections) >= count,
            deadline_s=90,
            what="the start of the workers",
        )

    def feed(self, items: Iterable[Item]) -> None:
        """Hands the items to the workers, to each in turn."""
        turns = itertools.cycle(list(self._connections))
        for item in items:
            next(turns).send(item)

    def wait(self, numbers: Sequence[int], deadline_s: float) -> int:
        """Waits for the ends of these; gives how many there were."""
        wanted = set(numbers)
        end = time.monotonic() + deadline_s
        with self._change:
            while not wanted <= self._ended and time.monotonic() < end:
                self._change.wait(timeout=max(0.0, end - time.monotonic()))
            return len(wanted & self._ended)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection: Connection = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):  # the worker was killed
            while True:
                number = connection.recv()
                with self._change:
                    self._ended.add(number)
                    self._change.notify_all()
        self._connections.remove(connection)


def serve(order: Order, run: Callable[[Item], None], first: Iterable[Item] = ()) -> None:
    """Is the worker's end: runs `first` and then what it is fed, as many at once as are ordered."""
    connection = Client(str(order.room / SOCKET), "AF_UNIX")
    sending = threading.Lock()

    def run_and_tell(item: Item) -> None:
        try:
            run(item)
        except BaseException:
            import traceback  # noqa: PLC0415 - a failure is told in the log and shown by the missing end

            traceback.print_exc()
            return
        with sending:
            connection.send(item[0])

    with ThreadPoolExecutor(order.threads) as pool:
        for item in first:
            pool.submit(run_and_tell, item)
        with contextlib.suppress(EOFError):
            while True:
                pool.submit(run_and_tell, connection.recv())
    os._exit(0)
