"""The task manager: tasks with VDSM's states, ten workers, and a store that survives a kill."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.locks import ResourceLocks
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError
from adapters.vdsm.simulator.work import Effort, Work

WORKERS = 10
INITIALIZING = "Task is initializing"
SHOWN = {
    # internal state: (taskState, taskResult) as the API shows them
    "init": ("init", ""),
    "queued": ("running", ""),
    "running": ("running", ""),
    "aborting": ("aborting", ""),
    "recovering": ("cleaning", ""),
    "finished": ("finished", "success"),
    "recovered": ("finished", "cleanSuccess"),
    "failed": ("finished", "cleanFailure"),
}
DONE = frozenset({"finished", "recovered", "failed"})
Undo = Callable[[dict[str, str]], None]


@dataclass(slots=True, kw_only=True)
class Task:
    """One task. `tag` is "spm" (stored, listed by status) or "sdm" (neither)."""

    id: str
    verb: str
    tag: str
    work: Work | None
    effort: Effort | None
    state: str = "queued"
    code: int = 0
    message: str = INITIALIZING
    undo_record: dict[str, str] = field(default_factory=dict)

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
    """Runs works as tasks. Those that a kill interrupted are rolled back when it is made again."""

    def __init__(self, directory: Path, locks: ResourceLocks, undo: Undo) -> None:
        self._directory = directory
        self._locks = locks
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._queue: queue.Queue[Task] = queue.Queue(maxsize=500)
        directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(directory.glob("*.json")):
            self._recover(read_json(path), undo)

    def start_workers(self) -> None:
        """Starts the pool."""
        for number in range(WORKERS):
            threading.Thread(target=self._serve, name=f"task-worker-{number}", daemon=True).start()

    def submit(self, verb: str, tag: str, work: Work, effort: Effort) -> str:
        """Queues the work and gives the task's id. The work's lock must be held already."""
        task = Task(
            id=str(uuid4()),
            verb=verb,
            tag=tag,
            work=work,
            effort=effort,
            undo_record=work.undo_record,
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

    def stop(self, task_id: str) -> None:
        """Asks a task to stop: a queued one is gone at once, a running one when it looks."""
        task = self.get(task_id)
        with self._lock:
            if task.effort is not None:
                task.effort.aborted.set()
            if task.state == "queued":
                self._move(task, "recovered")
                self._release(task)

    def clear(self, task_id: str) -> None:
        """Forgets an ended task; 410 while it has not ended."""
        task = self.get(task_id)
        with self._lock:
            if task.state not in DONE:
                raise RefusalError(
                    410,
                    "Operation is not allowed in this task state: "
                    f'("can\'t clean in state {task.state}",)',
                )
            self._tasks.pop(task_id, None)
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
            self._roll_back(task, work, 411, task.id)
        except RefusalError as error:
            self._roll_back(task, work, error.code, error.text)
        except Exception as error:  # as VDSM: whatever else a job raises is code 100
            self._roll_back(task, work, 100, str(error))
        else:
            with self._lock:
                task.code, task.message = 0, "1 jobs completed successfully"
                self._move(task, "finished")
        self._release(task)

    def _roll_back(self, task: Task, work: Work, code: int, text: str) -> None:
        with self._lock:
            task.code, task.message = code, f"value={text} abortedcode={code}"
            self._move(task, "recovering")
        try:
            work.undo()
        except Exception:  # whatever a roll-back raises leaves a dirty failure
            end = "failed"
        else:
            end = "recovered"
        with self._lock:
            self._move(task, end)

    def _recover(self, stored: dict[str, Any], undo: Undo) -> None:
        state = str(stored["state"])
        if state not in DONE:
            undo(stored["undo"])
            state = "recovered"
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
            undo_record=stored["undo"],
        )
        self._tasks[task.id] = task
        self._persist(task)

    def _move(self, task: Task, state: str) -> None:
        task.state = state
        self._persist(task)

    def _persist(self, task: Task) -> None:
        if task.tag != "spm":
            return
        content = {"id": task.id, "verb": task.verb, "state": task.state, "undo": task.undo_record}
        write_json(self._file(task), content)

    def _release(self, task: Task) -> None:
        if task.work is not None and task.work.lock is not None:
            self._locks.release(task.work.lock)

    def _file(self, task: Task) -> Path:
        return self._directory / f"{task.id}.json"
