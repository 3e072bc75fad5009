"""Vendors' reports: python -m benchmarks.vendors [--tasks N] [--rate N] [--seconds N].

So many vendors' tasks are under way. Reports on them come over HTTP at a steady rate to one API process, on
PostgreSQL. Then each task is ended, twice with the same word. It tells how long an answer took and what CPU a report
cost, and checks that none was lost and none counted twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks.processes import Processes, free_port, until
from benchmarks.servers import servers
from orchestrator import external
from orchestrator.core.access import Role
from orchestrator.core.status import Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens
from orchestrator.testing import Stage

CONNECTIONS = 20
VENDOR = "acme"


@dataclass(slots=True)
class Caller:
    """One connection that is kept open. Written by hand: a client library would cost more than the server."""

    port: int
    token: str
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def patch(self, task_id: str, news: dict[str, object]) -> int:
        """Reports; gives the status of the answer."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        body = json.dumps(news)
        writer.write(
            f"PATCH /api/v1/external-tasks/{task_id} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        return int(head.split(" ", 2)[1])


@dataclass(slots=True)
class Answers:
    """How long each answer took, and how many there were of each status."""

    took_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def note(self, status: int, took_s: float) -> None:
        self.took_s.append(took_s)
        self.statuses[status] = self.statuses.get(status, 0) + 1


async def report(port: int, token: str, ids: list[str], rate: float, seconds: float) -> Answers:
    """Reports progress at that rate: when the server is late, the wait counts as the answer's."""
    answers, total, began = Answers(), int(rate * seconds), time.perf_counter()
    numbers = iter(range(total))

    async def call() -> None:
        caller = Caller(port, token)
        for number in numbers:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            news: dict[str, object] = {"progress": round(number / total, 6)}
            status = await caller.patch(ids[number % len(ids)], news)
            answers.note(status, time.perf_counter() - due)

    await asyncio.gather(*(call() for _ in range(CONNECTIONS)))
    return answers


async def end(port: int, token: str, ids: list[str]) -> Answers:
    """Ends each task, and says so twice."""
    answers, left = Answers(), iter(one for one in ids for _ in range(2))

    async def call() -> None:
        caller = Caller(port, token)
        for one in left:
            began = time.perf_counter()
            status = await caller.patch(one, {"status": "succeeded", "result": {"id": one}})
            answers.note(status, time.perf_counter() - began)

    await asyncio.gather(*(call() for _ in range(CONNECTIONS)))
    return answers


@contextlib.contextmanager
def api(room: Path, port: int) -> Iterator[psutil.Process]:
    """Runs one API process for the length of the block."""

    def answers() -> bool:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
        return False

    with Processes(room) as processes:
        processes.start([[sys.executable, "-m", "workers.asgi", "--port", str(port)]])
        until(answers, deadline_s=30, what="the API's first answer")
        (found,) = [
            one
            for one in psutil.Process().children()
            if "workers.asgi" in one.cmdline() and str(port) in one.cmdline()
        ]
        yield found


def run(room: Path, database: str, redis: str, asked: argparse.Namespace) -> int:
    """Measures; gives 1 when something was lost or counted twice."""
    url = database.replace("postgresql://", "postgresql+psycopg://")
    os.environ.update(
        ORCHESTRATOR_DATABASE_URL=url,
        ORCHESTRATOR_BROKER_URL=f"{redis}/0",
        ORCHESTRATOR_DATA_DIR=str(room / "data"),
    )
    upgrade = [sys.executable, "-m", "workers.admin", "upgrade"]
    subprocess.run(upgrade, check=True, stdout=subprocess.DEVNULL)
    store = SqlStore(make_engine(url))
    stage = Stage((), store=store)
    stage.clock.time = store.now()
    tasks = [external(VENDOR, f"Clone {one}") for one in range(asked.tasks)]
    ids = [one.id for one in stage.orchestrator.submit_many(tasks, owner="bench")]
    stage.play()
    token = SqlTokens(store).create(VENDOR, Role.VENDOR)
    port = free_port()
    with api(room, port) as process:
        asyncio.run(report(port, token, ids, asked.rate, 1.0))  # warm up
        before = sum(process.cpu_times()[:2])
        answers = asyncio.run(report(port, token, ids, asked.rate, asked.seconds))
        cpu_s = sum(process.cpu_times()[:2]) - before
        ended = asyncio.run(end(port, token, ids))
    count = len(answers.took_s)
    p50, p99 = (statistics.quantiles(answers.took_s, n=100)[at] * 1000 for at in (49, 98))
    print(f"{asked.tasks} tasks, {asked.rate:g} reports/s for {asked.seconds:g} s, one API process")
    print(f"answers {answers.statuses}, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"CPU of the API process: {cpu_s / count * 1000:.2f} ms a report")
    found = store.get_all(ids)
    once = [sum(one.path[-1] is Status.SUCCEEDED for one in store.history(task)) for task in ids]
    good = answers.statuses == {200: count} and ended.statuses == {200: 2 * len(ids)}
    good = good and all(one.status is Status.SUCCEEDED for one in found) and set(once) == {1}
    print(f"ends {ended.statuses}; {'none lost, none twice' if good else 'SOMETHING IS WRONG'}")
    store.close()
    return int(not good)


def main() -> int:
    """Reads what was asked, and measures it on fresh servers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vendors", description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    with (
        servers() as running,
        running.fresh_database("vendors") as database,
        tempfile.TemporaryDirectory() as room,
    ):
        return run(Path(room), database, running.redis_url, asked)


if __name__ == "__main__":
    sys.exit(main())
