"""Host jobs: work under an id that the caller chose, with progress, kept in memory only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adapters.vdsm.simulator.locks import ResourceLocks
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError
from adapters.vdsm.simulator.tasks import TaskManager
from adapters.vdsm.simulator.work import Effort, Work


@dataclass(slots=True, kw_only=True)
class Job:
    """One storage job as `Host.getJobs` shows it."""

    id: str
    description: str
    effort: Effort
    status: str = "pending"
    error: dict[str, Any] | None = None

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
    """All jobs since the server started; none outlives it."""

    def __init__(self, tasks: TaskManager, locks: ResourceLocks) -> None:
        self._tasks = tasks
        self._locks = locks
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, job_id: str, description: str, work: Work, effort: Effort) -> None:
        """Queues the work as a job; code 100 when the id is taken."""
        job = Job(id=job_id, description=description, effort=effort)
        with self._lock:
            if job_id in self._jobs:
                raise RefusalError(100, f"Job '{job_id}' exists")
            self._jobs[job_id] = job
        # The task below it needs no undo record: it is not stored either.
        self._tasks.submit(description, "sdm", Work(run=self._runner(job, work)), effort)

    def infos(self, job_type: str | None, job_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Gives the jobs asked for; no ids means all, unknown ids are absent."""
        wanted = set(job_ids)
        with self._lock:
            return {
                job.id: job.info()
                for job in self._jobs.values()
                if job_type in (None, "storage") and (not wanted or job.id in wanted)
            }

    def _runner(self, job: Job, work: Work) -> Callable[[Effort], None]:
        def run(effort: Effort) -> None:
            if work.lock is not None:
                self._locks.acquire(work.lock)
            try:
                job.status = "running"
                work.run(effort)
            except AbortedError:
                work.undo()
                job.status = "aborted"
                raise
            except Exception as error:
                work.undo()
                code = error.code if isinstance(error, RefusalError) else 100
                job.error = {"code": code, "message": str(error)}
                job.status = "failed"
                raise
            else:
                effort.progress = 100.0
                job.status = "done"
            finally:
                if work.lock is not None:
                    self._locks.release(work.lock)

        return run
