"""Polling VDSM: python -m benchmarks.vdsm [--tasks N] [--pools N] [--seconds N].

So many tasks run on the managers of so many storage pools, each a simulated host in a process of its own. A scheduler
polls them, on PostgreSQL. It tells how many listings there were, how long one takes, and the CPU of the scheduler and
of the database; and checks that every task still counts as running.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psutil

from adapters.vdsm import Vdsm, VdsmClient, VdsmSettings, VolumeAddress
from adapters.vdsm.commands import CreateVolume
from adapters.vdsm.settings import DOMAIN
from adapters.vdsm.simulator import Effect, Fault, seed
from adapters.vdsm.simulator.faults import write_faults
from benchmarks.processes import until
from benchmarks.servers import Servers, servers
from orchestrator import TaskStatus
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage

LISTING = "Host.getAllTasksStatuses"
FOR_EVER_S = 86_400.0
MOST_ON_A_HOST = 500  # VDSM's queue holds up who asks for more
WARM_UP_POLLS = 4


class Pool:
    """One pool: a simulated host that manages it, with tasks that do not end."""

    def __init__(self, directory: Path) -> None:
        self.id = uuid4()
        self._directory = directory
        seed(directory, vms={}, pool_id=self.id)
        endless = Fault(verb="Volume.create", effect=Effect.SLOW_WORK, seconds=FOR_EVER_S)
        write_faults(directory / "faults.json", [endless])
        command = [sys.executable, "-m", "adapters.vdsm.simulator", "--data", str(directory)]
        command += ["--port", "0", "--connected"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]

    def settings(self) -> dict[str, object]:
        """Gives the pool as the adapter's settings have it."""
        return {
            "storage_pool": str(self.id),
            "storage_domain": str(DOMAIN),
            "hosts": [{"address": self.address}],
        }

    def listing_s(self) -> float:
        """Gives how long the host takes to answer, in seconds."""
        host, _, port = self.address.rpartition(":")
        client = VdsmClient(host, int(port))
        client.call("Host.ping2", timeout_s=30)
        began = time.perf_counter()
        client.call(LISTING, timeout_s=30)
        took = time.perf_counter() - began
        client.close()
        return took

    def listings(self, since: float) -> list[float]:
        """Gives when the host was asked for its tasks, in seconds of its clock."""
        lines = (self._directory / "calls.log").read_text().splitlines()
        times = (float(line.split()[0]) for line in lines if line.endswith(f" {LISTING}"))
        return [one for one in times if one >= since]


@contextlib.contextmanager
def pools(room: Path, count: int) -> Iterator[list[Pool]]:
    """Runs so many pools."""
    with ThreadPoolExecutor(4) as hands:
        made = list(hands.map(lambda number: Pool(room / f"pool-{number}"), range(count)))
    try:
        yield made
    finally:
        for one in made:
            one.process.kill()
            one.process.wait()
            assert one.process.stdout is not None
            one.process.stdout.close()


@contextlib.contextmanager
def scheduler(room: Path, pools: str) -> Iterator[psutil.Process]:
    """Runs a scheduler as an installation does."""
    environment = {**os.environ, "ORCHESTRATOR_VDSM_POOLS": pools}
    with (room / "scheduler.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.schedule"], env=environment, stdout=log, stderr=log
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def begin(stage: Stage, pools: Sequence[Pool], tasks: int) -> list[str]:
    """Starts the tasks, equally many in each pool; gives the commands' ids."""
    ids = []
    for number in range(tasks):
        address = VolumeAddress(storage_domain_id=DOMAIN, image_id=uuid4(), volume_id=uuid4())
        pool_id: UUID = pools[number % len(pools)].id
        ids.append(
            stage.submit(CreateVolume(address=address, size_bytes=4096, storage_pool_id=pool_id))
        )
        if number % 100 == 99:
            while stage.inbox.nudges:
                stage.inbox.launch(stage.runner.run(stage.inbox.nudges.popleft()).ready)
    return ids


def run(room: Path, running: Servers, name: str, asked: argparse.Namespace) -> int:
    """Starts everything, lets the scheduler poll, and tells; 1 when a task does not count as running."""
    url = name.replace("postgresql://", "postgresql+psycopg://")
    os.environ.update(
        ORCHESTRATOR_DATABASE_URL=url,
        ORCHESTRATOR_BROKER_URL=f"{running.redis_url}/0",
        ORCHESTRATOR_DATA_DIR=str(room / "data"),
    )
    upgrade = [sys.executable, "-m", "workers.admin", "upgrade"]
    subprocess.run(upgrade, check=True, stdout=subprocess.DEVNULL)
    with pools(room, asked.pools) as found:
        told = json.dumps([one.settings() for one in found])
        store = SqlStore(make_engine(url))
        vdsm = Vdsm(VdsmSettings.model_validate({"pools": json.loads(told)}))
        stage = Stage([CreateVolume], (vdsm,), store=store)
        stage.clock.time = datetime.now(UTC)
        began = time.monotonic()
        ids = begin(stage, found, asked.tasks)
        print(f"{len(ids):,} tasks begun in {time.monotonic() - began:.0f} s", flush=True)
        with scheduler(room, told) as process:
            # The first answers are news, and are written; what is measured is rest.
            until(
                lambda: all(len(one.listings(0)) >= WARM_UP_POLLS for one in found),
                deadline_s=600,
                what="the first polls of each pool",
            )
            wall, since = time.monotonic(), time.time()
            database = psutil.Process(running.postgres_pid)
            cpu, database_cpu = cpu_of([process]), cpu_of(family(database))
            time.sleep(asked.seconds)
            seconds = time.monotonic() - wall
            shares = [
                (cpu_of([process]) - cpu) / seconds,
                (cpu_of(family(database)) - database_cpu) / seconds,
            ]
            memory = process.memory_info().rss / 1e6
            counted = sum(one.status is TaskStatus.RUNNING for one in stage.orchestrator.tasks(ids))
        tell(found, since, seconds, shares, memory)
        vdsm.close()
        store.close()
    print(f"{counted:,} of {asked.tasks:,} tasks count as running")
    return 0 if counted == asked.tasks else 1


def tell(
    pools: Sequence[Pool], since: float, seconds: float, shares: Sequence[float], memory_mb: float
) -> None:
    """Prints the figures."""
    times = [one.listings(since) for one in pools]
    listing_ms = statistics.median(one.listing_s() for one in pools) * 1000
    gaps = [after - before for one in times for before, after in itertools.pairwise(one)]
    often = f"one of each pool every {statistics.median(gaps):.2f} s" if gaps else "no pool had two"
    print(
        f"{sum(len(one) for one in times)} listings of {len(pools)} pools in {seconds:.0f} s:"
        f" {often}; a listing takes {listing_ms:.1f} ms"
    )
    print(
        f"CPU: scheduler {shares[0]:.1%} of a core ({memory_mb:.0f} MB), database {shares[1]:.1%}"
    )


def family(process: psutil.Process) -> list[psutil.Process]:
    """Gives a process with all that it started."""
    return [process, *process.children(recursive=True)]


def cpu_of(processes: Sequence[psutil.Process]) -> float:
    """Gives the CPU seconds that they used so far."""
    total = 0.0
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def main() -> int:
    """Runs it on a PostgreSQL and a Redis of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--pools", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    if asked.tasks > asked.pools * MOST_ON_A_HOST:
        parser.error(f"a host takes {MOST_ON_A_HOST} tasks; expected more --pools or fewer --tasks")
    with (
        tempfile.TemporaryDirectory(prefix="bench-vdsm-") as room,
        servers() as running,
        running.fresh_database("vdsm") as database,
    ):
        return run(Path(room), running, database, asked)


if __name__ == "__main__":
    sys.exit(main())
