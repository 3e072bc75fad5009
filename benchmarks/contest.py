"""Runs contestants on works in alternation, each run in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.environments import NotAvailableError, python_for
from benchmarks.meter import Meter, Reading, cost
from benchmarks.order import ORDER_VARIABLE, Answer, Order
from benchmarks.peers import Peer
from benchmarks.play import PREFIX
from benchmarks.servers import Servers
from benchmarks.works import THREADS, Work

REPOSITORY = Path(__file__).parent.parent
GRACE_S = 90.0
"""Beyond its deadline a run gets this long to start and to stop before it is killed."""
LEAST_COMMANDS = 4


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run: an answer and its costs, or the reason why there is none."""

    peer: str
    work: str
    round: int
    commands: int
    answer: Answer | None = None
    cost: Mapping[str, float | None] = field(default_factory=dict)
    failure: str | None = None


def contest(
    servers: Servers, peers: Sequence[Peer], works: Sequence[Work], rounds: int
) -> Iterator[Result]:
    """Runs every peer on every work, one after the other, and all of it `rounds` times.

    Peers alternate within a work, so that a disturbance of the machine meets neighbours alike;
    every second round they go in the opposite order.
    """
    pythons, missing = _environments(peers)
    for number in range(rounds):
        for work in works:
            for peer in peers if number % 2 == 0 else reversed(peers):
                if peer.is_floor != (work.play == "floor"):
                    continue
                if peer.name in missing:
                    reason = f"not available: {missing[peer.name]}"
                elif not peer.plays(work.key):
                    reason = peer.reason(work.key)
                else:
                    yield _run(servers, peer, pythons[peer.name], work, number)
                    continue
                if number == 0:
                    yield Result(peer=peer.name, work=work.key, round=0, commands=0, failure=reason)


def _environments(peers: Iterable[Peer]) -> tuple[dict[str, Path], dict[str, str]]:
    pythons: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for peer in peers:
        try:
            pythons[peer.name] = python_for(peer)
        except NotAvailableError as problem:
            missing[peer.name] = str(problem)
    return pythons, missing


def _run(servers: Servers, peer: Peer, python: Path, work: Work, number: int) -> Result:
    database = f"bench_{peer.name}_{work.key}_{number}".replace("-", "_")
    commands = _commands(peer, work)
    with (
        servers.fresh_database(database) as url,
        tempfile.TemporaryDirectory(prefix="bench-run-") as room,
    ):
        order = _order(servers, work, commands, url, room)
        about = {"peer": peer.name, "work": work.key, "round": number, "commands": commands}
        try:
            answer, readings = _play(servers, peer, python, order, database)
        except _FailedRunError as failure:
            return Result(**about, failure=str(failure))  # type: ignore[arg-type] # a plain mapping
        spent = cost(readings[0], readings[1], answer.units) if len(readings) == 2 else {}
        return Result(**about, answer=answer, cost=spent)  # type: ignore[arg-type] # a plain mapping


def _commands(peer: Peer, work: Work) -> int:
    if work.play in {"crash", "floor"} or work.commands < LEAST_COMMANDS:
        return work.commands
    return max(LEAST_COMMANDS, round(work.commands * peer.share))


def _order(servers: Servers, work: Work, commands: int, url: str, room: str) -> Order:
    return Order(
        play=work.play,
        shape=work.shape,
        commands=commands,
        parts=work.parts,
        workers=work.workers,
        threads=THREADS,
        step_s=work.step_s,
        stored=work.stored,
        window_s=work.window_s,
        deadline_s=work.deadline_s,
        embedded=work.embedded,
        postgres=url,
        redis=servers.redis_url,
        directory=room,
    )


class _FailedRunError(Exception):
    """A contestant did not answer."""


def _play(
    servers: Servers, peer: Peer, python: Path, order: Order, database: str
) -> tuple[Answer, list[Reading]]:
    """Plays one order in a process; reads the meters at its marks."""
    log = Path(order.directory) / "contestant.log"
    readings: list[Reading] = []
    answer: Answer | None = None
    with log.open("wb") as errors, _process(python, peer.module, order, errors) as process:
        meter = Meter(servers, database, process.pid)
        for message in _messages(process):
            if "mark" in message:
                readings.append(meter.read())
                _go_on(process)
            else:
                answer = Answer(**message["answer"])
    if answer is None:
        raise _FailedRunError(_last_words(log))
    return answer, readings


@contextlib.contextmanager
def _process(
    python: Path, module: str, order: Order, errors: IO[bytes]
) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, ORDER_VARIABLE: order.text(), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [python, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=REPOSITORY,
        env=environment,
    )
    # A contestant that hangs is killed; its own Processes die with the sweep below.
    alarm = threading.Timer(order.deadline_s + GRACE_S, process.kill)
    alarm.start()
    try:
        yield process
        process.wait()
    finally:
        alarm.cancel()
        _sweep(order)
        process.kill()
        process.wait()


def _sweep(order: Order) -> None:
    """Kills what outlived a killed contestant; the environment of such a process names the run."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and order.directory in process.environ().get(
                ORDER_VARIABLE, ""
            ):
                process.kill()


def _messages(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(PREFIX):
            yield json.loads(line.removeprefix(PREFIX))


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    if os.environ.get("BENCH_DEBUG"):
        print(*lines[-40:], sep="\n", file=sys.stderr)
    # The last line of a traceback that is not a continuation tells the exception.
    told = [line for line in lines if line and not line.startswith(" ")]
    return told[-1][:300] if told else "ended without an answer and without a word"
