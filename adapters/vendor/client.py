"""A vendor's program, as a third party would write it: it knows our client library and nothing else.

    python -m adapters.vendor.client --url URL --token TOKEN --vendor NAME [--directory DIR] ...

It claims tasks of its vendor, so that no other program of the vendor does the same. On each it works for
some seconds by writing a file piece by piece (`DIR/ID.clone`), reports how far it is, and completes it with
`{"file", "size_bytes"}`. A stop is obeyed between two pieces, and the file removed. What a crash left
unfinished is claimed anew, by this program or another, when the lease of the claim is over. It ends when it
is told to (SIGTERM, Ctrl-C).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orchestrator import client
from orchestrator.client import Task

log = logging.getLogger("vendor")

PIECES = 10
RETRY_S = 10.0  # then it goes on to look for work, and takes the task up again
PIECE_BYTES = 64 * 1024
HANDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the program was told on its command line."""

    url: str
    token: str
    vendor: str
    directory: Path
    seconds: float
    fail_on: str | None
    every_s: float
    lease_s: float


class Vendor:
    """Works on the tasks of one vendor until it is stopped."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._is_over = threading.Event()
        self._at_work: set[str] = set()
        self._api = client.Vendor(orders.url, orders.token, retry_s=RETRY_S)

    def stop(self) -> None:
        """Lets it end after the pieces that it is at."""
        self._is_over.set()

    def run(self) -> None:
        """Looks for work and does it."""
        self._orders.directory.mkdir(parents=True, exist_ok=True)
        with self._api, ThreadPoolExecutor(max_workers=HANDS) as hands:
            while not self._is_over.is_set():
                for task in self._claimed():
                    if task.id not in self._at_work:  # else a hand has just lost it, and leaves it
                        self._at_work.add(task.id)
                        hands.submit(self._work, task)
                self._is_over.wait(self._orders.every_s)

    def _claimed(self) -> list[Task]:
        """Takes as many tasks as there are free hands: what waits here is not done elsewhere."""
        free = HANDS - len(self._at_work)
        if free <= 0:
            return []
        orders = self._orders
        try:
            return self._api.claim(limit=free, vendor=orders.vendor, lease_s=orders.lease_s)
        except client.ClientError as problem:
            log.warning("%s", problem)
            return []

    def _work(self, task: Task) -> None:
        path = self._orders.directory / f"{task.id}.clone"
        try:
            with task:
                self._write(task, path)
        except client.ConflictError as problem:
            path.unlink(missing_ok=True)  # it is over, and nobody wants our work
            log.warning("%s", problem)
        except Exception:
            log.exception("task %s broke; it is taken up again", task.id)
        finally:
            self._at_work.discard(task.id)

    def _write(self, task: Task, path: Path) -> None:
        fails = self._orders.fail_on and self._orders.fail_on in task.told["description"]
        with path.open("wb") as file:
            for piece in range(PIECES):
                if self._is_over.wait(self._orders.seconds / PIECES):
                    task.leave()
                    return
                file.write(os.urandom(PIECE_BYTES))
                file.flush()
                try:
                    task.progress((piece + 1) / PIECES * 100, f"piece {piece + 1}/{PIECES}")
                except client.StopRequested:
                    path.unlink()
                    raise
                if fails and piece >= PIECES // 2:
                    path.unlink()
                    raise client.TaskFailed("the array is full")
        task.result = {"file": str(path), "size_bytes": path.stat().st_size}


def main() -> None:
    """Reads the command line and works until told to end."""
    logging.basicConfig(level=logging.INFO, format="vendor: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    vendor = Vendor(read_orders())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: vendor.stop())
    vendor.run()


def read_orders(words: list[str] | None = None) -> Orders:
    """Reads the command line; the token may come from ORCHESTRATOR_TOKEN instead."""
    parser = argparse.ArgumentParser(prog="python -m adapters.vendor.client", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token", default=os.environ.get("ORCHESTRATOR_TOKEN", ""))
    parser.add_argument("--vendor", required=True)
    parser.add_argument("--directory", type=Path, default=Path("vendor-files"))
    parser.add_argument("--seconds", type=float, default=3.0, help="work on each task")
    parser.add_argument("--fail-on", metavar="TEXT", help="fails tasks with it in the description")
    parser.add_argument("--every-s", type=float, default=0.5, help="how often to look for work")
    parser.add_argument("--lease-s", type=float, default=60.0, help="longest silence on a task")
    return Orders(**vars(parser.parse_args(words)))


if __name__ == "__main__":
    main()
