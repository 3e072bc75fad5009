"""The verbs that the simulated host knows, and their parameters in VDSM's order.

A parameter with a `?` may be left out. The recorded table in the tests holds these against VDSM's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.vdsm.simulator.refusal import RefusalError

_VOLUME = "volumeID storagepoolID storagedomainID imageID"

SIGNATURES: Mapping[str, str] = {
    "Host.ping2": "",
    "Host.getAllTasksStatuses": "",
    "Host.getAllTasksInfo": "",
    "Host.getAllTasks": "",
    "Host.getJobs": "job_type? job_ids?",
    "Host.getStats": "",
    "Host.convertExternalVm": "uri username password vminfo jobid",
    "Host.getConvertedVm": "jobid",
    "Host.abortV2VJob": "jobid",
    "Host.deleteV2VJob": "jobid",
    "Host.getVMList": "vmList? onlyUUID?",
    "Host.getVMFullList": "vmList?",
    "Host.getAllVmStats": "",
    "Host.dumpxmls": "vmList?",
    "Host.getConnectedStoragePools": "",
    "Task.getStatus": "taskID",
    "Task.getInfo": "taskID",
    "Task.stop": "taskID",
    "Task.revert": "taskID",
    "Task.clear": "taskID",
    "StoragePool.connect": "storagepoolID hostID scsiKey masterSdUUID masterVersion domainDict?",
    "StoragePool.connectStorageServer": "storagepoolID domainType connectionParams",
    "StoragePool.disconnect": "storagepoolID hostID scsiKey remove?",
    "StoragePool.getSpmStatus": "storagepoolID",
    "StoragePool.getInfo": "storagepoolID",
    "StoragePool.spmStart": (
        "storagepoolID prevID prevLver enableScsiFencing maxHostID? domVersion?"
    ),
    "StoragePool.spmStop": "storagepoolID",
    "StoragePool.prepareMerge": "storagepoolID subchainInfo",
    "StoragePool.finalizeMerge": "storagepoolID subchainInfo",
    "StorageDomain.getImages": "storagedomainID",
    "StorageDomain.getInfo": "storagedomainID",
    "StorageDomain.getStats": "storagedomainID",
    "StorageDomain.getVolumes": "storagedomainID storagepoolID imageID",
    "Image.getVolumes": "imageID storagepoolID storagedomainID",
    "Image.delete": "imageID storagepoolID storagedomainID postZero force discard?",
    "Image.deleteVolumes": (
        "imageID storagepoolID storagedomainID volumeList postZero? force? discard?"
    ),
    "Image.move": (
        "imageID storagepoolID storagedomainID dstSdUUID operation postZero force discard?"
    ),
    "Image.prepare": "storagepoolID storagedomainID imageID volumeID allowIllegal?",
    "Image.teardown": "storagepoolID storagedomainID imageID volumeID?",
    "Volume.getInfo": _VOLUME,
    "Volume.getSize": _VOLUME,
    "Volume.create": (
        f"{_VOLUME} size volFormat preallocate diskType desc srcImgUUID srcVolUUID"
        " initialSize? addBitmaps? legal? sequence? bitmap?"
    ),
    "Volume.delete": f"{_VOLUME} postZero force discard?",
    "SDM.copy_data": "job_id source destination copy_bitmaps?",
    "SDM.merge": "job_id subchain_info merge_bitmaps?",
    "SDM.update_volume": "job_id vol_info vol_attr",
    "VM.create": "vmID vmParams",
    "VM.shutdown": "vmID delay? message? reboot? timeout? force?",
    "VM.destroy": "vmID gracefulAttempts?",
    "VM.freeze": "vmID",
    "VM.thaw": "vmID",
    "VM.getInfo": "vmID",
    "VM.getStats": "vmID",
    "VM.snapshot": "vmID snapDrives snapMemory? frozen? jobUUID? timeout? freeze_timeout?",
    "VM.merge": "vmID drive baseVolUUID topVolUUID bandwidth? jobUUID?",
    "VM.start_backup": "vmID config",
    "VM.stop_backup": "vmID backup_id",
    "VM.backup_info": "vmID backup_id checkpoint_id?",
    "VM.diskReplicateStart": "vmID srcDisk dstDisk needExtend?",
    "VM.diskReplicateFinish": "vmID srcDisk dstDisk",
    "VM.hotplugDisk": "vmID params",
    "VM.hotunplugDisk": "vmID params",
}


def named(verb: str, given: Any) -> dict[str, Any]:
    """Gives the parameters of a call by name; a list is taken by position.

    A missing one is an internal error (-32603) in VDSM too; one that is unknown is ignored there.
    """
    known = SIGNATURES[verb].split()
    names = [one.removesuffix("?") for one in known]
    params = dict(zip(names, given, strict=False)) if isinstance(given, list) else dict(given or {})
    for one in known:
        if not one.endswith("?") and one not in params:
            raise RefusalError(-32603, f"Internal JSON-RPC error: {{'reason': \"'{one}'\"}}")
    return params
