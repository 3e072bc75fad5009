"""Reads what a run costs: transactions, statements, log bytes, broker commands, CPU and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from benchmarks.servers import Servers

SETTLE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The meters at one moment; all but `memory_bytes`, which leaves the caller out, only grow.

    `writes` counts the transactions that wrote (each takes a transaction number, so unlike the
    statistics views it is exact at once), `statements` everything sent to the database, BEGIN and
    COMMIT included, `wal_bytes` what it logged, `broker_commands` what Redis was asked.
    """

    writes: int
    statements: int | None
    wal_bytes: int
    broker_commands: int
    cpu_s: float
    cpu_after_s: float
    memory_bytes: int


class Meter:
    """The meters of one run: of the servers, and of the contestant with all its processes."""

    def __init__(self, servers: Servers, database: str, contestant_pid: int) -> None:
        self._servers = servers
        self._database = database
        self._pid = contestant_pid

    def read(self) -> Reading:
        """Reads all meters; the CPU before and after, for the reading costs the servers some, too."""
        cpu_s = self._cpu_s()
        servers = self._servers
        with servers.connect() as connection:
            row = connection.execute(
                "SELECT txid_snapshot_xmax(txid_current_snapshot()), "
                "pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
            ).fetchone()
            assert row is not None
            statements = None
            if servers.has_statements:
                counted = connection.execute(
                    "SELECT coalesce(sum(s.calls), 0)::bigint FROM pg_stat_statements s "
                    "JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = %s",
                    [self._database],
                ).fetchone()
                statements = int(counted[0]) if counted else 0
        info = servers.redis().info("stats")
        assert isinstance(info, dict)
        own = list(_family(self._pid))
        time.sleep(SETTLE_S)  # the server notes what its ended process used
        return Reading(
            writes=int(row[0]),
            statements=statements,
            wal_bytes=int(row[1]),
            broker_commands=int(info["total_commands_processed"]),
            cpu_s=cpu_s,
            cpu_after_s=self._cpu_s(),
            memory_bytes=sum(_memory_bytes(process) for process in own[1:]),
        )

    def _cpu_s(self) -> float:
        pids = (self._pid, self._servers.postgres_pid, self._servers.redis_pid)
        return sum(_cpu_s(process) for pid in pids for process in _family(pid))


def cost(before: Reading, after: Reading, units: int) -> dict[str, float | None]:
    """Gives the costs per unit of work between two readings, and the memory at the end.

    CPU is in milliseconds over all processes, the servers' included; memory in bytes over the
    contestant's own without its caller.
    """
    spent_s = after.cpu_s - before.cpu_after_s
    statements = None
    if before.statements is not None and after.statements is not None:
        statements = (after.statements - before.statements) / units
    return {
        "writes": (after.writes - before.writes) / units,
        "statements": statements,
        "wal_bytes": (after.wal_bytes - before.wal_bytes) / units,
        "broker_commands": (after.broker_commands - before.broker_commands) / units,
        "cpu_ms": spent_s * 1000 / units,
        "cpu_s": spent_s,
        "memory_bytes": float(after.memory_bytes),
    }


def _family(pid: int) -> Iterator[psutil.Process]:
    try:
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)
    except psutil.NoSuchProcess:
        return


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    # Of ended children too, else a server with a process per connection looks cheaper than it is.
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        told = process.memory_full_info()
    except psutil.Error:
        return 0
    # Pages that several processes share count once in all: four interpreters have their libraries in common.
    return int(getattr(told, "pss", told.rss))
