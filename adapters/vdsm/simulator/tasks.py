"""The task manager: tasks with VDSM's states, ten workers, and a store that survives a kill.

Tasks of the storage pool (tag "spm") are stored with the pool, and belong to whichever host manages it.
What a job runs on (tag "sdm") is not stored and is seen only in `Host.getAllTasks`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError
from adapters.vdsm.simulator.work import Effort, Recovery, Work

WORKERS = 10
MOST_QUEUED = 500  # a full queue holds up the caller
STORED_AFTER_S = 0.05  # a task is seen as finished a moment before that is on the disk
INITIALIZING = "Task is initializing"
SHOWN = {
    # internal state: (taskState, taskResult) as the API shows them
    "queued": ("running", ""),
    "running": ("running", ""),
    "aborting": ("aborting", ""),
    "recovering": ("cleaning", ""),
    "raborting": ("aborting", ""),
    "finished": ("finished", "success"),
    "recovered": ("finished", "cleanSuccess"),
    "failed": ("finished", "cleanFailure"),
}
DONE = frozenset({"finished", "recovered", "failed"})
Undo = Callable[[Recovery], None]
Release = Callable[[Work], None]


@dataclass(slots=True, kw_only=True)
class Task:
    """One task."""

    id: str
    verb: str
    tag: str
    work: Work | None
    effort: Effort | None
    state: str = "queued"
    code: int = 0
    message: str = INITIALIZING
    recoveries: list[Recovery] = field(default_factory=list)
    finished_at: float = 0.0

    def status(self) -> dict[str, Any]:
        """Gives what `Task.getStatus` answers."""
        state, result = SHOWN[self.state]
        return {
            "taskID": self.id,
            "taskState": state,
            "taskResult": result,
            "code": self.code,
            "message": self.message,
        }


class TaskManager:
    """Runs works as tasks."""

    def __init__(self, directory: Path, undo: Undo, release: Release) -> None:
        self._directory = directory
        self._undo = undo
        self._release = release
        self._lock = threading.RLock()
        self._tasks: dict[str, Task] = {}
        self._queue: queue.Queue[Task] = queue.Queue(maxsize=MOST_QUEUED)

    def start_workers(self) -> None:
        """Starts the pool of threads."""
        for number in range(WORKERS):
            threading.Thread(target=self._serve, name=f"task-worker-{number}", daemon=True).start()

    def load(self) -> None:
        """Takes over the stored tasks, as who becomes the pool's manager does.

        What was under way is rolled back, never resumed.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._directory.glob("*.json")):
            self._recover(read_json(path))

    def forget(self) -> None:
        """Drops the pool's tasks from memory, as who stops being its manager does."""
        with self._lock:
            self._tasks = {key: one for key, one in self._tasks.items() if one.tag != "spm"}

    def submit(self, verb: str, tag: str, work: Work, effort: Effort) -> str:
        """Queues the work and gives the task's id. The work's locks must be held already."""
        task = Task(
            id=str(uuid4()),
            verb=verb,
            tag=tag,
            work=work,
            effort=effort,
            recoveries=list(work.recoveries),
        )
        with self._lock:
            self._tasks[task.id] = task
            self._persist(task)
        self._queue.put(task)
        return task.id

    def get(self, task_id: str) -> Task:
        """Gives a task; 1000 for an impossible id, 401 for an unknown one."""
        if not task_id or "." in task_id:
            raise RefusalError(1000, f"Invalid parameter: 'taskID={task_id}'")
        with self._lock:
            if task_id not in self._tasks:
                raise RefusalError(401, f"Task id unknown: ('{task_id}',)")
            return self._tasks[task_id]

    def all(self, tag: str | None = None) -> list[Task]:
        """Gives the tasks with that tag, or all."""
        with self._lock:
            return [task for task in self._tasks.values() if tag in (None, task.tag)]

    def is_busy(self) -> bool:
        """Whether a task of the pool has not ended."""
        return any(one.state not in DONE for one in self.all("spm"))

    def stop(self, task_id: str) -> None:
        """Asks a task to stop: a queued one is gone at once, a running one when it looks.

        One that aborts already answers 411; that is the stop, not an error.
        """
        task = self.get(task_id)
        with self._lock:
            if task.state in DONE or task.effort is None:
                return
            if task.state == "queued":
                self._move(task, "recovered")
                self._free(task)
            elif task.effort.aborted.is_set() or task.state != "running":
                raise RefusalError(411, f"Task is aborted: 'value={task.id} abortedcode=411'")
            task.effort.aborted.set()

    def revert(self, task_id: str) -> None:
        """Rolls an ended task back; 403 while it runs, 442 when its effects are referred to."""
        task = self.get(task_id)
        with self._lock:
            if task.state not in DONE:
                raise RefusalError(
                    403,
                    f'Task not finished: ("can\'t rollback in state {task.state}",)',
                )
        raise RefusalError(442, "Operation cannot be performed - task has active references: ()")

    def clear(self, task_id: str) -> None:
        """Forgets an ended task; 410 while it has not ended.

        One that is cleared before its end is on the disk comes back after a restart.
        """
        task = self.get(task_id)
        with self._lock:
            if task.state not in DONE:
                raise RefusalError(
                    410,
                    "Operation is not allowed in this task state: "
                    f'("can\'t clean in state {task.state}",)',
                )
            self._tasks.pop(task_id, None)
            if time.monotonic() - task.finished_at >= STORED_AFTER_S:
                self._file(task).unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            task = self._queue.get()
            with self._lock:
                if task.state != "queued":
                    continue
                task.message = "running job 1 of 1"
                self._move(task, "running")
            self._run(task)

    def _run(self, task: Task) -> None:
        work, effort = task.work, task.effort
        assert work is not None
        assert effort is not None
        try:
            work.run(effort)
        except AbortedError:
            self._roll_back(task, 411, task.id)
        except RefusalError as error:
            self._roll_back(task, error.code, error.text)
        except Exception as error:  # as VDSM: whatever else a job raises is code 100
            self._roll_back(task, 100, str(error))
        else:
            if effort.aborted.is_set():  # it was never heard; the manager aborts after the job
                self._roll_back(task, 411, "shutting down")
            else:
                self._finish(task)
        self._free(task)

    def _finish(self, task: Task) -> None:
        with self._lock:
            task.code, task.message = 0, "1 jobs completed successfully"
            task.finished_at = time.monotonic()
            self._move(task, "finished")

    def _roll_back(self, task: Task, code: int, text: str) -> None:
        with self._lock:
            task.code, task.message = code, f"value={text} abortedcode={code}"
            self._move(task, "recovering")
        end = self._recovered(task)
        with self._lock:
            if end == "failed":
                self._move(task, "raborting")
            self._move(task, end)

    def _recovered(self, task: Task) -> str:
        """Undoes what the task did, the last thing first, and gives the state that this leads to."""
        try:
            for one in reversed(task.recoveries):
                self._undo(one)
        except Exception:  # whatever a recovery raises leaves a dirty failure
            return "failed"
        return "recovered"

    def _recover(self, stored: dict[str, Any]) -> None:
        state = str(stored["state"])
        # Codes and messages of failures are not stored, as in VDSM: the result is all that comes
        # back.
        message = "1 jobs completed successfully" if state == "finished" else INITIALIZING
        task = Task(
            id=stored["id"],
            verb=stored["verb"],
            tag="spm",
            work=None,
            effort=None,
            state=state,
            message=message,
            recoveries=stored["recoveries"],
        )
        if state not in DONE:
            task.state = self._recovered(task)
        self._tasks[task.id] = task
        self._persist(task)

    def _move(self, task: Task, state: str) -> None:
        task.state = state
        self._persist(task)

    def _persist(self, task: Task) -> None:
        if task.tag != "spm":
            return
        content = {
            "id": task.id,
            "verb": task.verb,
            "state": task.state,
            "recoveries": task.recoveries,
        }
        write_json(self._file(task), content)

    def _free(self, task: Task) -> None:
        if task.work is not None:
            self._release(task.work)

    def _file(self, task: Task) -> Path:
        return self._directory / f"{task.id}.json"
