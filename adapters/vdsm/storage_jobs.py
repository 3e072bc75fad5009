"""Host jobs: they take our id, show progress, and are fenced by a volume's generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import VdsmError
from adapters.vdsm.reports import job_status, report
from adapters.vdsm.volume import CopiedData, VolumeAddress
from orchestrator import AsyncTaskRef, TaskReport, TaskStatus

GENERAL, GENERATION_MISMATCH = 100, 911
FENCE_STEP = 2
"""How far a fence moves the generation; a job that ends well moves it by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageJob:
    """One such verb. `params` gives the call's parameters but for the job's id.

    The request holds `written`, the address of the volume that the job writes to, and `generation`,
    which that volume has before.
    """

    method: str
    params: Callable[[Mapping[str, Any]], dict[str, Any]]
    result: Callable[[Mapping[str, Any]], Any]

    def start(self, calls: Calls, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts it under our id: a second start finds the first."""
        if again:
            found = calls.ask("Host.getJobs", job_type="storage", job_ids=[task.task_id])
            if task.task_id in found:
                return self.read(calls, task, found[task.task_id])
            judged = self._judge(calls, task)
            if judged.status in (TaskStatus.SUCCEEDED, TaskStatus.ABORTED):
                return judged
        try:
            calls.start(self.method, job_id=task.task_id, **self.params(task.request))
        except VdsmError as error:
            if error.code != GENERAL or "exists" not in error.text:
                raise
        return report(task, TaskStatus.RUNNING, external_id=task.task_id)

    def read(self, calls: Calls, task: AsyncTaskRef, found: Mapping[str, Any] | None) -> TaskReport:
        """Judges the job by its info in a listing that succeeded; None when it was not there."""
        if found is None:
            return self._judge(calls, task)
        status = job_status(found)
        error = found.get("error")
        if error is not None and int(error["code"]) == GENERATION_MISMATCH:
            # Either our own fence stopped it, or the entity can tell that an earlier start did the
            # work.
            return self._judge(calls, task)
        return report(
            task,
            status,
            external_id=task.task_id,
            progress=_share(found),
            message=None if error is None else f"{error['message']} (code {error['code']})",
            result=self.result(task.request) if status is TaskStatus.SUCCEEDED else None,
            detail={"status": found["status"]},
        )

    def stop(self, calls: Calls, task: AsyncTaskRef) -> None:
        """Fences the job: VDSM cannot abort one, but it refuses a job with an old generation."""
        address = VolumeAddress.model_validate(task.request["written"])
        generation = int(task.request["generation"])
        found = calls.volume(address)
        if found is None or found.generation != generation:
            return  # it has ended, or is fenced already
        fence_id = str(uuid5(UUID(task.task_id), "fence"))
        try:
            calls.start(
                "SDM.update_volume",
                job_id=fence_id,
                vol_info=endpoint(address, generation),
                vol_attr={"generation": generation + FENCE_STEP},
            )
        except VdsmError as error:
            if error.code != GENERAL or "exists" not in error.text:
                raise

    def _judge(self, calls: Calls, task: AsyncTaskRef) -> TaskReport:
        """Asks the volume how a job ended that is gone or found another generation."""
        before = int(task.request["generation"])
        found = calls.volume(VolumeAddress.model_validate(task.request["written"]))
        status = TaskStatus.LOST
        if found is None:
            status, message = TaskStatus.FAILED, "the volume that it wrote to is gone"
        elif found.generation == before + 1 and found.is_legal:
            status, message = TaskStatus.SUCCEEDED, "the volume tells that it was written in full"
        elif found.generation == before:
            status, message = TaskStatus.FAILED, "the job is gone and left the volume unfinished"
        elif found.generation == before + FENCE_STEP:
            status, message = TaskStatus.ABORTED, "stopped by a new generation of the volume"
        else:
            message = f"expected generation {before} or {before + 1}, got {found.generation}"
        return report(
            task,
            status,
            external_id=task.task_id,
            message=f"{self.method}: {message}",
            result=self.result(task.request) if status is TaskStatus.SUCCEEDED else None,
        )


def endpoint(address: VolumeAddress, generation: int | None = None) -> dict[str, Any]:
    """Gives a volume as the SDM verbs name it."""
    place: dict[str, Any] = {
        "endpoint_type": "div",
        "sd_id": str(address.storage_domain_id),
        "img_id": str(address.image_id),
        "vol_id": str(address.volume_id),
    }
    return place if generation is None else {**place, "generation": generation}


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
    return {
        "subchain_info": {
            "sd_id": str(base.storage_domain_id),
            "img_id": str(base.image_id),
            "base_id": str(base.volume_id),
            "top_id": request["top_id"],
            "base_generation": request["generation"],
        }
    }


def _copied(request: Mapping[str, Any]) -> dict[str, Any]:
    return CopiedData(
        destination=VolumeAddress.model_validate(request["written"]),
        generation=request["generation"] + 1,
    ).model_dump(mode="json")


def _nothing(request: Mapping[str, Any]) -> None:
    return None


STORAGE_JOBS: Mapping[str, StorageJob] = {
    one.method: one
    for one in (
        StorageJob(method="SDM.copy_data", params=_copy_params, result=_copied),
        StorageJob(method="SDM.merge", params=_merge_params, result=_nothing),
    )
}
