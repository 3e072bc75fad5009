"""Describes the machine, so that a figure can be read later."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.servers import Servers


def describe(servers: Servers) -> dict[str, str]:
    """Gives what figures depend on: processor, memory, versions, and the load at the start."""
    with servers.connect() as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('synchronous_commit')"
        ).fetchone()
        assert row is not None
    redis_info = servers.redis().info("server")
    assert isinstance(redis_info, dict)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": f"{row[0]}, synchronous_commit {row[1]}",
        "redis": str(redis_info["redis_version"]),
        "celery": version("celery"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
