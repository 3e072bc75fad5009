"""Starts the process that does a task's work after the request has been answered."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

from adapters.gluster.simulator.state import Cluster, Progress

_PROGRAM = "adapters.gluster.simulator.mover"


def spawn(cluster: Cluster, task_id: str) -> None:
    """Starts a daemon of its own session for the task; it outlives the request.

    Progress is written and the life line is locked before the daemon exists, and it inherits the
    lock: so at no moment does a task look as if its daemon were dead.
    """
    start: Progress = {
        "files": 0,
        "size": 0,
        "lookups": 0,
        "failures": 0,
        "skipped": 0,
        "nodes": {},
        "status": 5 if cluster.read_job(task_id)["kind"] == "fix-layout" else 1,
        "started_at": time.time(),
        "runtime": 0.0,
        "pid": 0,
    }
    cluster.write_progress(task_id, start)
    line = os.open(cluster.life_line(task_id), os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(line, fcntl.LOCK_EX)
    os.set_inheritable(line, True)
    log = str(cluster.tasks_dir / f"{task_id}.log")
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", _PROGRAM, str(cluster.state_dir), task_id],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    os.close(line)
