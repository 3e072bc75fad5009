"""Host jobs: they take our id, show progress, and are fenced by a volume's generation.

No host can end a job that runs. One that is to be stopped ends when its host is done; a fence would only wait
for the lock that the job holds. A fence is for a host that died: another host gives the volume a generation
that the dead one's job does not have, so that it can never again write to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import UnreachableError, VdsmError
from adapters.vdsm.host import Host
from adapters.vdsm.reports import job_status, report
from adapters.vdsm.volume import CopiedData, VolumeAddress
from orchestrator import AsyncTaskRef, TaskReport, TaskStatus, TryAgain

GENERAL, GENERATION_MISMATCH = 100, 911
GENERATIONS = 1000
"""VDSM stores three digits of a generation, and counts on from 999 with 0."""
_FAR = 100
UNSTOPPABLE = "VDSM cannot end a running job; it will end when the host is done"


def fence_for(generation: int) -> int:
    """Draws the generation that would fence a job: far from any that jobs could count up to."""
    return (generation + _FAR + secrets.randbelow(GENERATIONS - 2 * _FAR)) % GENERATIONS


def fence_id(task: AsyncTaskRef) -> str:
    """Gives the id of the job that would fence a task's."""
    return str(uuid5(UUID(task.task_id), "fence"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageJob:
    """One such verb; `listed_as` is its description in a listing. `params` gives the call's parameters but
    for the job's id.

    The request holds `written`, the address of the volume that the job writes to, `generation`,
    which that volume has before, and `fence`, which it is given to fence the job.
    """

    method: str
    listed_as: str
    params: Callable[[Mapping[str, Any]], dict[str, Any]]
    result: Callable[[Mapping[str, Any]], Any]

    def start(self, calls: Calls, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts it under our id on a host of the pool: a second start finds the first."""
        if again:
            found = find_job(calls, task)
            if found is not None:
                return self.read(calls, task, *found)
            judged = self.judge(calls, task)
            if judged.status in (TaskStatus.SUCCEEDED, TaskStatus.ABORTED):
                return judged
        host = self._start(calls, task)
        return report(
            task,
            TaskStatus.RUNNING,
            external_id=task.task_id,
            detail={"host": host.address},
        )

    def read(
        self, calls: Calls, task: AsyncTaskRef, host: Host, found: Mapping[str, Any] | None
    ) -> TaskReport:
        """Judges the job by its info in a listing of its host; None when it was not there."""
        if found is None:
            return self.judge(calls, task)
        status = job_status(found)
        error = found.get("error")
        if error is not None and int(error["code"]) == GENERATION_MISMATCH:
            # Either it was fenced, or the volume can tell that an earlier start did the work.
            return self.judge(calls, task)
        message = None if error is None else f"{error['message']} (code {error['code']})"
        if status is TaskStatus.RUNNING and task.stop_requested:
            message = UNSTOPPABLE
        return report(
            task,
            status,
            external_id=task.task_id,
            progress=_share(found),
            message=message,
            result=self.result(task.request) if status is TaskStatus.SUCCEEDED else None,
            detail={"host": host.address, "status": found["status"]},
        )

    def fence(self, calls: Calls, task: AsyncTaskRef) -> TaskReport:
        """Has another host fence the job of one that has been away for long, and tells how far that is."""
        away = str(task.detail.get("host"))
        fence = fence_id(task)
        for host in calls.pool.workers():
            if host.address == away:
                continue
            try:
                found = _listed(calls, host, [fence]).get(fence)
                if found is None:
                    self._fence(calls, host, task, fence)
            except UnreachableError:
                continue
            if found is not None and job_status(found).has_ended:
                return self.judge(calls, task)
            return report(
                task,
                TaskStatus.RUNNING,
                external_id=task.task_id,
                message=f"host {away} is away; host {host.address} takes the volume from it",
                detail={"host": away, "fenced_by": host.address},
            )
        raise TryAgain(f"host {away} is away, and no other host of the pool can fence its job")

    def judge(self, calls: Calls, task: AsyncTaskRef) -> TaskReport:
        """Asks the volume how a job ended that is gone or found another generation."""
        before = int(task.request["generation"])
        found = calls.volume(VolumeAddress.model_validate(task.request["written"]))
        status = TaskStatus.LOST
        ended = TaskStatus.ABORTED if task.stop_requested else TaskStatus.FAILED
        if found is None:
            status, message = TaskStatus.FAILED, "the volume that it wrote to is gone"
        elif found.generation == (before + 1) % GENERATIONS:
            status, message = TaskStatus.SUCCEEDED, "the volume tells that it was written in full"
        elif found.generation == before:
            status, message = ended, "the job is gone and left the volume unfinished"
        elif found.generation == task.request["fence"]:
            status, message = ended, "its host was away, and another took the volume"
        else:
            message = f"expected generation {before} or {before + 1}, got {found.generation}"
        return report(
            task,
            status,
            external_id=task.task_id,
            message=f"{self.method}: {message}",
            result=self.result(task.request) if status is TaskStatus.SUCCEEDED else None,
        )

    def _start(self, calls: Calls, task: AsyncTaskRef) -> Host:
        """Starts it on the first host that can be reached; tasks go round, so that all hosts get some."""
        hosts = calls.pool.workers()
        turn = UUID(task.task_id).int % len(hosts)
        for host in (*hosts[turn:], *hosts[:turn]):
            try:
                calls.on(
                    host,
                    self.method,
                    calls.pool.times.start_timeout_s,
                    {"job_id": task.task_id, **self.params(task.request)},
                )
            except UnreachableError as problem:
                if problem.was_sent:
                    raise  # it may run there: only that host can tell
                unreached = problem
            except VdsmError as error:
                if error.code != GENERAL or "exists" not in error.text:
                    raise
                return host
            else:
                return host
        raise unreached

    def _fence(self, calls: Calls, host: Host, task: AsyncTaskRef, fence_id: str) -> None:
        address = VolumeAddress.model_validate(task.request["written"])
        calls.on(
            host,
            "SDM.update_volume",
            calls.pool.times.start_timeout_s,
            {
                "job_id": fence_id,
                "vol_info": endpoint(address, int(task.request["generation"])),
                "vol_attr": {"generation": int(task.request["fence"])},
            },
        )


def find_job(calls: Calls, task: AsyncTaskRef) -> tuple[Host, Mapping[str, Any]] | None:
    """Looks for a job on the host that has it, or on all; raises TryAgain where one cannot be asked."""
    known = calls.pool.host(str(task.detail.get("host")))
    problem: TryAgain | None = None
    for host in calls.pool.hosts if known is None else (known,):
        try:
            found = _listed(calls, host, [task.task_id]).get(task.task_id)
        except UnreachableError as error:
            problem = error
            continue
        if found is not None:
            return host, found
    if problem is not None:
        raise problem
    return None


def list_jobs(calls: Calls, host: Host, tasks: list[AsyncTaskRef]) -> dict[str, Any]:
    """Asks one host about all these jobs with one call."""
    return _listed(calls, host, [one.task_id for one in tasks])


def _listed(calls: Calls, host: Host, ids: list[str]) -> dict[str, Any]:
    params = {"job_type": "storage", "job_ids": ids}
    found: dict[str, Any] = calls.on(host, "Host.getJobs", calls.pool.times.poll_timeout_s, params)
    return found


def endpoint(address: VolumeAddress, generation: int | None = None) -> dict[str, Any]:
    """Gives a volume as the SDM verbs name it."""
    place: dict[str, Any] = {
        "endpoint_type": "div",
        "sd_id": str(address.storage_domain_id),
        "img_id": str(address.image_id),
        "vol_id": str(address.volume_id),
    }
    return place if generation is None else {**place, "generation": generation}


def subchain(base: VolumeAddress, top_id: str) -> dict[str, Any]:
    """Gives two neighbours in an image's chain as the verbs of a cold merge name them."""
    return {
        "sd_id": str(base.storage_domain_id),
        "img_id": str(base.image_id),
        "base_id": str(base.volume_id),
        "top_id": top_id,
    }


def _share(found: Mapping[str, Any]) -> float | None:
    return None if found.get("progress") is None else float(found["progress"]) / 100


def _copy_params(request: Mapping[str, Any]) -> dict[str, Any]:
    written = VolumeAddress.model_validate(request["written"])
    return {
        "source": endpoint(VolumeAddress.model_validate(request["source"])),
        "destination": endpoint(written, request["generation"]),
    }


def _merge_params(request: Mapping[str, Any]) -> dict[str, Any]:
    base = VolumeAddress.model_validate(request["written"])
    chain = subchain(base, request["top_id"])
    return {"subchain_info": {**chain, "base_generation": request["generation"]}}


def _legal_params(request: Mapping[str, Any]) -> dict[str, Any]:
    volume = VolumeAddress.model_validate(request["written"])
    return {
        "vol_info": endpoint(volume, request["generation"]),
        "vol_attr": {"legality": "LEGAL"},
    }


def _copied(request: Mapping[str, Any]) -> dict[str, Any]:
    return CopiedData(
        destination=VolumeAddress.model_validate(request["written"]),
        generation=(request["generation"] + 1) % GENERATIONS,
    ).model_dump(mode="json")


def _nothing(request: Mapping[str, Any]) -> None:
    return None


STORAGE_JOBS: Mapping[str, StorageJob] = {
    one.method: one
    for one in (
        StorageJob(
            method="SDM.copy_data", listed_as="copy_data", params=_copy_params, result=_copied
        ),
        StorageJob(
            method="SDM.merge", listed_as="merge_subchain", params=_merge_params, result=_nothing
        ),
        StorageJob(
            method="SDM.update_volume",
            listed_as="update_volume",
            params=_legal_params,
            result=_nothing,
        ),
    )
}
