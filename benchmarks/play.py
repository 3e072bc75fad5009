"""Plays an order with a contestant: the same clock, the same counting for every one of them."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from benchmarks.ledger import FILE, tally
from benchmarks.order import WARM_UP_FROM, Answer, Contestant, Order
from benchmarks.processes import Processes, until

PREFIX = "BENCH "
WARM_UP_COMMANDS = 24
WARM_UP_PARTS = 10
KILL_AFTER = 0.25
"""Workers are killed when this share of all steps has run."""


def main(make: Callable[[Order], Contestant]) -> None:
    """Is the main of a contestant's module: plays this process's order and answers on stdout."""
    order = Order.from_environment()
    contestant = make(order)
    try:
        with Processes(order.room) as processes:
            contestant.prepare()
            answer = PLAYS[order.play](order, contestant, processes)
    finally:
        contestant.close()
    say({"answer": asdict(answer)})


def say(line: dict[str, object]) -> None:
    """Writes one line of the protocol."""
    print(PREFIX + json.dumps(line), flush=True)


def _mark(name: str) -> None:
    """Lets the harness read its meters, and waits until it has."""
    say({"mark": name})
    sys.stdin.readline()


@contextlib.contextmanager
def measured() -> Iterator[Callable[[], float]]:
    """Encloses what is measured; gives a function that tells the seconds since its start."""
    _mark("begin")
    started = time.perf_counter()
    yield lambda: time.perf_counter() - started
    _mark("end")


def start_and_warm_up(order: Order, contestant: Contestant, processes: Processes) -> None:
    """Starts the workers and lets them do a little, so that nobody is measured cold."""
    processes.start(contestant.worker_commands())
    contestant.await_workers()
    numbers = range(WARM_UP_FROM, WARM_UP_FROM + WARM_UP_COMMANDS)
    contestant.wait(contestant.submit("chain", numbers, WARM_UP_PARTS), order.deadline_s)


def _run(order: Order, contestant: Contestant, processes: Processes) -> Answer:
    start_and_warm_up(order, contestant, processes)
    with measured() as elapsed:
        handles = contestant.submit(order.shape, range(order.commands), order.parts)
        submitted_s = elapsed()
        ended = contestant.wait(handles, order.deadline_s)
        seconds = elapsed()
    return _counted(order, seconds, ended, submitted_s=submitted_s)


def _counted(order: Order, seconds: float, ended: int, **facts: float) -> Answer:
    """Answers only for work that was done: a step short is a failure, not a faster run."""
    found = tally(order.room)
    wanted = order.commands * order.parts
    if ended < order.commands or found.distinct < wanted:
        raise RuntimeError(
            f"{ended} of {order.commands} commands ended, {found.distinct} of {wanted} steps ran"
        )
    return Answer(seconds=seconds, units=wanted, facts={"repeated": found.repeated, **facts})


def _latency(order: Order, contestant: Contestant, processes: Processes) -> Answer:
    start_and_warm_up(order, contestant, processes)
    latencies = []
    with measured() as elapsed:
        for number in range(order.commands):
            before = elapsed()
            contestant.wait(contestant.submit("chain", [number], order.parts), order.deadline_s)
            latencies.append(elapsed() - before)
        seconds = elapsed()
    answer = _counted(order, seconds, order.commands)
    return Answer(seconds=seconds, units=order.commands, latencies_s=latencies, facts=answer.facts)


def _crash(order: Order, contestant: Contestant, processes: Processes) -> Answer:
    """Kills all workers midway; the clock runs from their restart to the last end seen."""
    start_and_warm_up(order, contestant, processes)
    wanted = order.commands * order.parts
    ledger = order.room / FILE
    size_before = ledger.stat().st_size
    handles = contestant.submit(order.shape, range(order.commands), order.parts)
    line_bytes = len(f"{order.commands // 2} {order.parts // 2}\n")
    until(
        lambda: ledger.stat().st_size - size_before > wanted * line_bytes * KILL_AFTER,
        deadline_s=order.deadline_s,
        what="a quarter of the steps",
    )
    processes.kill()
    before = tally(order.room)
    size_before = ledger.stat().st_size
    with measured() as elapsed:
        processes.start(contestant.worker_commands())
        until(
            lambda: ledger.stat().st_size > size_before,
            deadline_s=order.deadline_s,
            what="the first step after the restart",
        )
        first_step_s = elapsed()
        ended = contestant.wait(handles, order.deadline_s - first_step_s)
        seconds = elapsed()
    after = tally(order.room)
    return Answer(
        seconds=seconds,
        units=order.commands,
        facts={
            "steps_before": before.distinct,
            "first_step_s": first_step_s,
            "repeated": after.repeated,
            "steps_lost": wanted - after.distinct,
            "commands_not_ended": order.commands - ended,
        },
    )


def _submit(order: Order, contestant: Contestant, processes: Processes) -> Answer:
    """Measures the caller alone: no worker runs, where the contestant can do without."""
    commands = contestant.worker_commands()
    if getattr(contestant, "submits_to_workers", False):
        processes.start(commands)
        contestant.await_workers()
    contestant.submit("chain", range(WARM_UP_FROM, WARM_UP_FROM + 4), order.parts)
    with measured() as elapsed:
        contestant.submit(order.shape, range(order.commands), order.parts)
        seconds = elapsed()
    return Answer(seconds=seconds, units=order.commands)


def _own(name: str) -> Callable[[Order, Contestant, Processes], Answer]:
    """Gives a play that only one contestant knows, by the name of its method."""

    def play(order: Order, contestant: Contestant, processes: Processes) -> Answer:
        answer = getattr(contestant, name)(processes)
        assert isinstance(answer, Answer)
        return answer

    return play


PLAYS: dict[str, Callable[[Order, Contestant, Processes], Answer]] = {
    "run": _run,
    "latency": _latency,
    "crash": _crash,
    "submit": _submit,
    "stored": _own("stored"),
    "waiting": _own("waiting"),
    "floor": _own("floor"),
}
