"""The raw Celery canvas on Redis: what one has without this project."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery, chain, chord
from celery.exceptions import TimeoutError as NotInTimeError

from benchmarks.ledger import step as effect
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import until

MODULE = "benchmarks.peers.celery"
VISIBILITY_S = 15

order = Order.from_environment()
app = Celery("bench", broker=f"{order.redis}/0", backend=f"{order.redis}/1")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    broker_transport_options={"visibility_timeout": VISIBILITY_S},
    result_backend_transport_options={"visibility_timeout": VISIBILITY_S},
)


@app.task(name="step")
def step(command: int, part: int) -> None:
    effect(command, part)


@app.task(name="join")
def join(results: list[None]) -> int:
    return len(results)


BEST_THREADS = 8
"""With sixteen it is a tenth slower on two cores."""


class RawCelery:
    def __init__(self, order: Order) -> None:
        self._order = order

    def prepare(self) -> None:
        return

    def worker_commands(self) -> Sequence[Sequence[str]]:
        options = [
            "--pool",
            "threads",
            "--concurrency",
            str(min(self._order.threads, BEST_THREADS)),
        ]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning"]
        celery = [sys.executable, "-m", "celery", "-A", MODULE, "worker", *options, *quiet]
        return [[*celery, "-n", f"w{number}@bench"] for number in range(self._order.workers)]

    def await_workers(self) -> None:
        until(
            lambda: len(app.control.ping(timeout=0.5)) >= self._order.workers,
            deadline_s=60,
            what="the start of the workers",
        )

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        return [self._canvas(shape, command, parts).apply_async() for command in commands]

    def _canvas(self, shape: Shape, command: int, parts: int) -> Any:
        steps = [step.si(command, part) for part in range(parts)]
        return chain(*steps) if shape == "chain" else chord(steps, join.s())

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        end = time.monotonic() + deadline_s
        ended = 0
        for handle in handles:
            try:
                handle.get(timeout=max(end - time.monotonic(), 0.01))
                ended += 1
            except NotInTimeError:
                continue
        return ended

    def close(self) -> None:
        app.close()


if __name__ == "__main__":
    main(RawCelery)
