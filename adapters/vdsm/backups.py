"""What commands ask of backups: a VM's disks as they were at one moment, read while the VM runs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import VdsmError
from adapters.vdsm.host import Host
from adapters.vdsm.machines import NO_SUCH_VM, VM_IS_DOWN, MachineVerbs
from adapters.vdsm.prepared import prepare, release
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Refused

NO_SUCH_BACKUP = 1601


class OpenBackup(BaseModel):
    """A backup that can be read: the address of an NBD export for each image."""

    model_config = ConfigDict(frozen=True)

    vm_id: UUID
    backup_id: UUID
    urls: dict[UUID, str]


class BackupVerbs:
    """Backups of the VMs on the hosts of one pool. All methods call VDSM and raise `Refused` or `TryAgain`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._machines = MachineVerbs(calls)

    def start(
        self, vm_id: UUID, backup_id: UUID, scratch: Mapping[UUID, VolumeAddress]
    ) -> OpenBackup:
        """Freezes the disks for readers; what the VM overwrites meanwhile is kept on the `scratch` volumes.

        `scratch` is by image. A backup of that id which is open already is given as it is.
        """
        host, domain = self._machines.running_on(vm_id)
        paths = {image: prepare(self._calls, host, one) for image, one in scratch.items()}
        found = self._info(host, vm_id, backup_id)
        if found is None:
            disks = []
            for image_id, address in scratch.items():
                drive = domain.drive_of(image_id)
                if drive is None or drive.volume is None:
                    raise Refused(f"VM {vm_id} has no disk {image_id}; back up the ones it has")
                disks.append(_disk(drive.volume, address, paths[image_id]))
            config = {"backup_id": str(backup_id), "disks": disks, "require_consistency": False}
            found = self._do(host, "VM.start_backup", vmID=str(vm_id), config=config)
        urls = {UUID(image): str(url) for image, url in found["disks"].items()}
        if any(str(backup_id) not in url for url in urls.values()):
            raise Refused(f"VM {vm_id} is being backed up already; wait for that, or stop it")
        return OpenBackup(vm_id=vm_id, backup_id=backup_id, urls=urls)

    def stop(self, vm_id: UUID, backup_id: UUID, scratch: Mapping[UUID, VolumeAddress]) -> None:
        """Ends the backup; one that is over, or of a VM that runs no more, is fine."""
        if self._machines.running_xml(vm_id) is None:
            return
        host, _ = self._machines.running_on(vm_id)
        try:
            self._do(host, "VM.stop_backup", vmID=str(vm_id), backup_id=str(backup_id))
        except VdsmError as error:
            if error.code not in (NO_SUCH_VM, VM_IS_DOWN, NO_SUCH_BACKUP):
                raise
        for one in scratch.values():
            release(self._calls, host, one)

    def _info(self, host: Host, vm_id: UUID, backup_id: UUID) -> Any:
        try:
            return self._do(host, "VM.backup_info", vmID=str(vm_id), backup_id=str(backup_id))
        except VdsmError as error:
            if error.code != NO_SUCH_BACKUP:
                raise
            return None

    def _do(self, host: Host, method: str, **params: Any) -> Any:
        return self._calls.on(host, method, self._calls.pool.times.call_timeout_s, params)


def _disk(volume: VolumeAddress, scratch: VolumeAddress, path: str) -> dict[str, Any]:
    return {
        "domainID": str(volume.storage_domain_id),
        "imageID": str(volume.image_id),
        "volumeID": str(volume.volume_id),
        "checkpoint": False,
        "backup_mode": "full",
        "scratch_disk": {
            "path": path,
            "type": "block" if path.startswith("/dev/") else "file",
            "sd_id": str(scratch.storage_domain_id),
            "img_id": str(scratch.image_id),
            "vol_id": str(scratch.volume_id),
        },
    }
