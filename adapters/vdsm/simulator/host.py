"""The simulated host: its parts in one place, and the verbs by which it is asked about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from adapters.vdsm.simulator.faults import Faults
from adapters.vdsm.simulator.jobs import Jobs
from adapters.vdsm.simulator.locks import ResourceLocks
from adapters.vdsm.simulator.machines import Machines
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import Storage
from adapters.vdsm.simulator.tasks import Task, TaskManager
from adapters.vdsm.simulator.work import Effort, Work

Params: TypeAlias = dict[str, Any]
Verb: TypeAlias = Callable[[Params], Any]


class Host:
    """All that the verbs work on. `bytes_per_s` paces each piece of work; None is full speed."""

    def __init__(self, directory: Path, *, bytes_per_s: float | None = None) -> None:
        self.bytes_per_s = bytes_per_s
        self.storage = Storage(directory)
        self.machines = Machines(directory, self.storage)
        self.faults = Faults(directory / "faults.json")
        self.locks = ResourceLocks()
        self.tasks = TaskManager(directory / "tasks", self.locks, self.undo)
        self.jobs = Jobs(self.tasks, self.locks)

    def start_task(
        self, method: str, name: str, params: Params, prepare: Callable[[], Work]
    ) -> str:
        """Runs an asynchronous storage verb and gives its task's id.

        The image's lock is waited for inside the call, as VDSM does: a second verb on the same
        image is not refused, its answer just does not come. `prepare` then checks; what it refuses
        is no task.
        """
        lock = f"image:{params['storagedomainID']}:{params['imageID']}"
        self.locks.acquire(lock)
        try:
            self.storage.check_pool(params["storagepoolID"])
            work = prepare()
            work.lock = lock
            effort = Effort(self.faults, method, params, bytes_per_s=self.bytes_per_s)
            return self.tasks.submit(name, "spm", work, effort)
        except BaseException:
            self.locks.release(lock)
            raise

    def start_job(self, method: str, name: str, params: Params, work: Work) -> bool:
        """Runs an SDM verb under the caller's job id."""
        effort = Effort(self.faults, method, params, bytes_per_s=self.bytes_per_s)
        self.jobs.start(params["job_id"], name, work, effort)
        return True

    def undo(self, record: Mapping[str, str]) -> None:
        """Takes back what an interrupted task left, as its undo record says."""
        match record.get("name"):
            case "remove_volume":
                self.storage.remove_volume(record["domain"], record["image"], record["volume"])
            case "undo_removal":
                self.storage.undo_removal(record["domain"], record["image"])
            case _:
                pass


def host_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs about tasks, jobs and the host."""
    tasks = host.tasks

    def stop(params: Params) -> bool:
        tasks.stop(params["taskID"])
        return True

    def clear(params: Params) -> bool:
        tasks.clear(params["taskID"])
        return True

    return {
        "Host.ping2": lambda params: True,
        "Host.getAllTasksStatuses": lambda params: {
            task.id: task.status() for task in tasks.all("spm")
        },
        "Host.getAllTasksInfo": lambda params: {task.id: _info(task) for task in tasks.all("spm")},
        "Host.getAllTasks": lambda params: {task.id: _full(task) for task in tasks.all()},
        "Host.getJobs": lambda params: host.jobs.infos(
            params.get("job_type"), params.get("job_ids") or ()
        ),
        "Task.getStatus": lambda params: tasks.get(params["taskID"]).status(),
        "Task.getInfo": lambda params: _info(tasks.get(params["taskID"])),
        "Task.stop": stop,
        "Task.clear": clear,
        "Host.abortV2VJob": _no_such_job,
        "Host.deleteV2VJob": _no_such_job,
    }


def _no_such_job(params: Params) -> None:
    raise RefusalError(66, "Job Id does not exists")


def _info(task: Task) -> dict[str, Any]:
    return {"id": task.id, "verb": task.verb}


def _full(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "verb": task.verb,
        "state": task.state,
        "code": task.code,
        "message": task.message,
        "result": "",
        "tag": task.tag,
    }
