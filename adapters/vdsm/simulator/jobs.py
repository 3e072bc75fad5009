"""Host jobs: work under an id that the caller chose, with progress, kept in memory only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adapters.vdsm.simulator.locks import ResourceLocks
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError
from adapters.vdsm.simulator.tasks import TaskManager
from adapters.vdsm.simulator.work import Effort, Work

FORGOTTEN_AFTER_S = 3600.0
Tell = Callable[[str, dict[str, Any]], None]
"""Sends an event: its name and its parameters."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One storage job as `Host.getJobs` shows it."""

    id: str
    description: str
    effort: Effort
    status: str = "pending"
    error: dict[str, Any] | None = None
    ended_at: float | None = None

    def info(self) -> dict[str, Any]:
        """Gives the job's public form; progress is absent before the work begins."""
        found: dict[str, Any] = {
            "id": self.id,
            "status": self.status,
            "description": self.description,
            "job_type": "storage",
        }
        if self.effort.progress is not None:
            found["progress"] = self.effort.progress
        if self.error is not None:
            found["error"] = self.error
        return found


class Jobs:
    """All jobs since the server started; none outlives it. The end of each is told to who listens."""

    def __init__(self, tasks: TaskManager, locks: ResourceLocks, tell: Tell) -> None:
        self._tasks = tasks
        self._locks = locks
        self._tell = tell
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, job_id: str, description: str, work: Work, effort: Effort) -> None:
        """Queues the work as a job; code 100 when the id is taken."""
        job = Job(id=job_id, description=description, effort=effort)
        with self._lock:
            if job_id in self._jobs:
                raise RefusalError(100, f"General Exception: (\"Job '{job_id}' exists\",)")
            self._jobs[job_id] = job
        # The task below it is not stored, and its locks are waited for in its thread, not in the call.
        self._tasks.submit(description, "sdm", Work(run=self._runner(job, work)), effort)

    def infos(self, job_type: str | None, job_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Gives the jobs asked for; no ids means all, unknown ids are absent."""
        wanted = set(job_ids)
        forgotten = time.monotonic() - FORGOTTEN_AFTER_S
        with self._lock:
            self._jobs = {
                key: one
                for key, one in self._jobs.items()
                if one.ended_at is None or one.ended_at > forgotten
            }
            return {
                job.id: job.info()
                for job in self._jobs.values()
                if job_type in (None, "storage") and (not wanted or job.id in wanted)
            }

    def _runner(self, job: Job, work: Work) -> Callable[[Effort], None]:
        def run(effort: Effort) -> None:
            for lock in work.locks:
                self._locks.acquire(lock.name, shared=lock.shared)
            try:
                job.status = "running"
                work.run(effort)
            except AbortedError:
                job.status = "aborted"
                raise
            except Exception as error:
                code = error.code if isinstance(error, RefusalError) else 100
                job.error = {"code": code, "message": str(error)}
                job.status = "failed"
                raise
            else:
                effort.progress = 100.0
                job.status = "done"
            finally:
                for lock in work.locks:
                    self._locks.release(lock.name, shared=lock.shared)
                job.ended_at = time.monotonic()
                notify_time = int(time.monotonic() * 1000)
                self._tell(f"|jobs|status|{job.id}", {**job.info(), "notify_time": notify_time})

        return run
