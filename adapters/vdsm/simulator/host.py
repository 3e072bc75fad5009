"""The simulated host: its parts in one place, and the verbs by which it is asked about itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from adapters.vdsm.simulator.faults import Effect, Faults
from adapters.vdsm.simulator.jobs import Jobs, Tell
from adapters.vdsm.simulator.locks import VERB_WAIT_S, ResourceLocks
from adapters.vdsm.simulator.machines import Machines
from adapters.vdsm.simulator.pool import Pool
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import Storage
from adapters.vdsm.simulator.tasks import Task, TaskManager
from adapters.vdsm.simulator.work import Effort, Lock, Recovery, Work

Params: TypeAlias = dict[str, Any]
Verb: TypeAlias = Callable[[Params], Any]


def image_lock(domain_id: str, image_id: str) -> str:
    """Gives the name of an image's lock."""
    return f"image:{domain_id}:{image_id}"


class Host:
    """All that the verbs work on. `bytes_per_s` paces each piece of work; None is full speed.

    Hosts of one `directory` share its storage; `host_id` tells them apart. `tell` sends events. For
    `starting_s` seconds everything is answered with 99, as by a VDSM that starts.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host_id: int = 1,
        bytes_per_s: float | None = None,
        starting_s: float = 0.0,
        tell: Tell = lambda name, params: None,
    ) -> None:
        self.bytes_per_s = bytes_per_s
        self.directory = directory
        self.ready_at = time.monotonic() + starting_s
        self.storage = Storage(directory)
        self.pool = Pool(directory, host_id)
        self.machines = Machines(directory, self.storage, host_id, bytes_per_s=bytes_per_s)
        self.faults = Faults(directory / "faults.json")
        self.locks = ResourceLocks()
        self.tasks = TaskManager(directory / "tasks", self.undo, self._release)
        self.jobs = Jobs(self.tasks, self.locks, tell)

    def start_task(
        self,
        method: str,
        name: str,
        params: Params,
        prepare: Callable[[], Work],
        *,
        image: tuple[str, str],
    ) -> str:
        """Runs an asynchronous verb of the pool's manager and gives its task's id.

        The image's lock is waited for inside the call, as VDSM does: a second verb on the same
        image is not refused, its answer just does not come. `prepare` then checks; what it refuses
        is no task.
        """
        self.pool.check(params["storagepoolID"])
        self.pool.check_managed()
        lock = Lock(name=image_lock(*image))
        self.locks.acquire(lock.name, wait_s=VERB_WAIT_S)
        try:
            work = prepare()
            work.locks = (lock,)
            effort = Effort(self.faults, method, params, bytes_per_s=self.bytes_per_s)
            return self.tasks.submit(name, "spm", work, effort)
        except BaseException:
            self.locks.release(lock.name)
            raise

    def start_job(self, method: str, name: str, params: Params, work: Work) -> bool:
        """Runs an SDM verb under the caller's job id."""
        effort = Effort(self.faults, method, params, bytes_per_s=self.bytes_per_s)
        self.jobs.start(params["job_id"], name, work, effort)
        return True

    def undo(self, record: Recovery) -> None:
        """Takes back what a failed or interrupted task left, as its record says."""
        if self.faults.strike("undo", record, Effect.FAIL_UNDO):
            raise RefusalError(100, "General Exception: ('the undo failed',)")
        match record.get("name"):
            case "remove_volume":
                self.storage.remove_volume(record["domain"], record["image"], record["volume"])
            case "undo_removal":
                self.storage.undo_removal(record["domain"], record["image"])
            case "make_legal":
                self.storage.update(
                    record["domain"], record["image"], record["volume"], legality="LEGAL"
                )
            case other:
                raise RefusalError(100, f"General Exception: ('no recovery {other!r}',)")

    def _release(self, work: Work) -> None:
        for lock in work.locks:
            self.locks.release(lock.name, shared=lock.shared)


def host_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs about tasks, jobs and the host."""
    tasks = host.tasks

    def of_the_pool(answer: Callable[[Task], Any]) -> Verb:
        def verb(params: Params) -> Any:
            host.pool.check_managed()
            return {task.id: answer(task) for task in tasks.all("spm")}

        return verb

    return {
        "Host.ping2": lambda params: True,
        "Host.getAllTasksStatuses": of_the_pool(lambda task: task.status()),
        "Host.getAllTasksInfo": of_the_pool(_info),
        "Host.getAllTasks": lambda params: {task.id: _full(task) for task in tasks.all()},
        "Host.getJobs": lambda params: host.jobs.infos(
            params.get("job_type"), params.get("job_ids") or ()
        ),
        "Task.getStatus": lambda params: tasks.get(params["taskID"]).status(),
        "Task.getInfo": lambda params: _info(tasks.get(params["taskID"])),
        "Task.stop": done(lambda params: tasks.stop(params["taskID"])),
        "Task.revert": done(lambda params: tasks.revert(params["taskID"])),
        "Task.clear": done(lambda params: tasks.clear(params["taskID"])),
    }


def done(verb: Callable[[Params], None]) -> Verb:
    """Makes a verb of what has no result: it answers true."""

    def answer(params: Params) -> bool:
        verb(params)
        return True

    return answer


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
