"""The tasks of the storage pool's manager: how each is started, and how its entity tells that it is
done.

VDSM chooses the id of such a task and tells it in the reply. When that reply is lost, the task
cannot be told from others by its listing, which names verbs and not what they work on. So the image
or the volume is asked, and a second call is safe because VDSM lets one verb at a time work on an
image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.vdsm.calls import BLANK_ID, IMAGE_IS_GONE, VOLUME_IS_GONE, Calls
from adapters.vdsm.client import VdsmError
from adapters.vdsm.reports import report, storage_task_status
from adapters.vdsm.storage_jobs import subchain
from adapters.vdsm.volume import Volume, VolumeAddress
from orchestrator import AsyncTaskRef, TaskReport, TaskStatus, TryAgain

VOLUME_EXISTS = 212
COW, RAW = 4, 5
_UNDER_WAY = frozenset({"init", "preparing", "blocked", "acquiring", "queued", "running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageTask:
    """One such verb. `listed_as` is its name in VDSM's listings.

    `params` turns a request into the call's parameters; `is_fulfilled` asks the entity whether all
    is as the request wants it; `fulfilled_by` are the codes by which VDSM refuses, or fails, what
    is done already.
    """

    method: str
    listed_as: str
    params: Callable[[Calls, Mapping[str, Any]], dict[str, Any]]
    is_fulfilled: Callable[[Calls, Mapping[str, Any]], bool]
    fulfilled_by: frozenset[int]
    result: Callable[[Mapping[str, Any]], Any]

    def start(self, calls: Calls, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts it, or finds that an earlier start reached its end."""
        if again and self.is_fulfilled(calls, task.request):
            if self._is_under_way(calls):
                # It may be ours, seen between its work and its end; if it fails, it is undone.
                raise TryAgain(
                    f"{self.method} is under way; it is not yet certain whose it is",
                    after=timedelta(seconds=2),
                )
            return self._done(task)
        try:
            external_id = calls.start(self.method, **self.params(calls, task.request))
        except VdsmError as error:
            if error.code in self.fulfilled_by and self.is_fulfilled(calls, task.request):
                return self._done(task)
            raise
        return report(task, TaskStatus.RUNNING, external_id=str(external_id))

    def read(self, calls: Calls, task: AsyncTaskRef, found: Mapping[str, Any] | None) -> TaskReport:
        """Judges the task by its status in a listing that succeeded; None when it was not there."""
        if found is None:
            return self._absent(calls, task)
        status = storage_task_status(found, stopped=task.stop_requested)
        code = int(found["code"])
        was_needless = status is TaskStatus.FAILED and code in self.fulfilled_by
        if was_needless and self.is_fulfilled(calls, task.request):
            return self._done(task)
        return report(
            task,
            status,
            message=str(found["message"]),
            result=self.result(task.request) if status is TaskStatus.SUCCEEDED else None,
            detail={
                "state": found["taskState"],
                "result": found["taskResult"],
                "code": code,
            },
        )

    def _absent(self, calls: Calls, task: AsyncTaskRef) -> TaskReport:
        if self.is_fulfilled(calls, task.request):
            return self._done(task)
        return report(
            task, TaskStatus.LOST, message=f"VDSM does not know the task of {self.method} any more"
        )

    def _done(self, task: AsyncTaskRef) -> TaskReport:
        return report(
            task,
            TaskStatus.SUCCEEDED,
            result=self.result(task.request),
            message=f"{self.method}: all is as it was asked for",
        )

    def _is_under_way(self, calls: Calls) -> bool:
        return any(
            one["verb"] == self.listed_as and one["state"] in _UNDER_WAY
            for one in calls.listing("Host.getAllTasks").values()
        )


def _nothing(request: Mapping[str, Any]) -> None:
    return None


def _image_params(calls: Calls, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **calls.on_pool(),
        "storagedomainID": request["storage_domain_id"],
        "imageID": request["image_id"],
        "postZero": request["post_zero"],
        "force": False,
    }


def _image_is_gone(calls: Calls, request: Mapping[str, Any]) -> bool:
    return calls.volume_ids(request["storage_domain_id"], request["image_id"]) is None


def _new_volume_params(calls: Calls, request: Mapping[str, Any]) -> dict[str, Any]:
    address = VolumeAddress.model_validate(request["address"])
    parent, is_scratch = request["parent_id"], request.get("is_scratch", False)
    return {
        **calls.on_volume(address),
        "size": str(request["size_bytes"]),
        "volFormat": COW if parent or is_scratch else RAW,
        "preallocate": 1 if request["preallocated"] else 2,
        "diskType": "SCRD" if is_scratch else "DATA",
        "desc": "",
        "srcImgUUID": request["address"]["image_id"] if parent else BLANK_ID,
        "srcVolUUID": parent or BLANK_ID,
    }


def _volume_is_there(calls: Calls, request: Mapping[str, Any]) -> bool:
    found = calls.volume(VolumeAddress.model_validate(request["address"]))
    return found is not None and found.is_legal


def _new_volume(request: Mapping[str, Any]) -> dict[str, Any]:
    return Volume(
        address=VolumeAddress.model_validate(request["address"]),
        size_bytes=request["size_bytes"],
        parent_id=request["parent_id"],
    ).model_dump(mode="json")


def _old_volume_params(calls: Calls, request: Mapping[str, Any]) -> dict[str, Any]:
    address = VolumeAddress.model_validate(request["address"])
    return {**calls.on_volume(address), "postZero": False, "force": False}


def _volume_is_gone(calls: Calls, request: Mapping[str, Any]) -> bool:
    return calls.volume(VolumeAddress.model_validate(request["address"])) is None


def _merge_params(calls: Calls, request: Mapping[str, Any]) -> dict[str, Any]:
    base = VolumeAddress.model_validate(request["base"])
    return {**calls.on_pool(), "subchainInfo": subchain(base, request["top_id"])}


def _merge_is_prepared(calls: Calls, request: Mapping[str, Any]) -> bool:
    """The base is marked as being written to."""
    base = calls.volume(VolumeAddress.model_validate(request["base"]))
    return base is not None and not base.is_legal


def _merge_is_finalized(calls: Calls, request: Mapping[str, Any]) -> bool:
    """The base is whole again, and what was merged into it is marked as to be removed, or removed."""
    address = VolumeAddress.model_validate(request["base"])
    base = calls.volume(address)
    top = calls.volume(address.model_copy(update={"volume_id": UUID(request["top_id"])}))
    return base is not None and base.is_legal and (top is None or not top.is_legal)


STORAGE_TASKS: Mapping[str, StorageTask] = {
    one.method: one
    for one in (
        StorageTask(
            method="Image.delete",
            listed_as="deleteImage",
            params=_image_params,
            is_fulfilled=_image_is_gone,
            fulfilled_by=IMAGE_IS_GONE,
            result=_nothing,
        ),
        StorageTask(
            method="Volume.create",
            listed_as="createVolume",
            params=_new_volume_params,
            is_fulfilled=_volume_is_there,
            fulfilled_by=frozenset({VOLUME_EXISTS}),
            result=_new_volume,
        ),
        StorageTask(
            method="Volume.delete",
            listed_as="deleteVolume",
            params=_old_volume_params,
            is_fulfilled=_volume_is_gone,
            fulfilled_by=VOLUME_IS_GONE,
            result=_nothing,
        ),
        StorageTask(
            method="StoragePool.prepareMerge",
            listed_as="prepareMerge",
            params=_merge_params,
            is_fulfilled=_merge_is_prepared,
            fulfilled_by=frozenset(),
            result=_nothing,
        ),
        StorageTask(
            method="StoragePool.finalizeMerge",
            listed_as="finalizeMerge",
            params=_merge_params,
            is_fulfilled=_merge_is_finalized,
            fulfilled_by=frozenset(),
            result=_nothing,
        ),
    )
}
