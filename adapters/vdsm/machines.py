"""What commands ask of virtual machines: calls that may be made twice, as every verb may."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import VdsmError
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Refused, TryAgain

NO_SUCH_VM, VM_EXISTS, VM_IS_DOWN, UNAVAILABLE = 1, 4, 6, 40
NO_REPLICATION = 88
_SOON = timedelta(seconds=2)


class MachineVerbs:
    """The VMs of the host. All methods call VDSM and raise `Refused` or `TryAgain`.

    None waits for a guest: what takes time is asked for, and `TryAgain` says that it is not there
    yet.
    """

    _calls: Calls

    def vm_status(self, vm_id: UUID) -> str | None:
        """Gives VDSM's word for the VM's state ("Up", "Down", ...); None for no such VM."""
        try:
            (found,) = self._calls.ask("VM.getStats", vmID=str(vm_id))
        except VdsmError as error:
            if error.code == NO_SUCH_VM:
                return None
            raise
        return str(found["status"])

    def vm_exists(self, vm_id: UUID) -> bool:
        """Whether the host knows the VM, running or not."""
        return self.vm_status(vm_id) is not None

    def stop_vm(self, vm_id: UUID) -> None:
        """Shuts the VM down; one that is down or gone is fine."""
        if not self._is_up(vm_id):
            return
        self._unless((NO_SUCH_VM, VM_IS_DOWN), "VM.shutdown", vmID=str(vm_id), delay=0, message="")
        if self._is_up(vm_id):
            raise TryAgain(f"VM {vm_id} is shutting down", after=_SOON)

    def start_vm(self, vm_id: UUID) -> None:
        """Boots a VM whose definition the host holds; one that is up is fine."""
        if self.vm_status(vm_id) is None:
            raise Refused(f"VM {vm_id} does not exist; it cannot be started")
        self._unless((VM_EXISTS,), "VM.create", vmID=str(vm_id), vmParams={"vmId": str(vm_id)})

    def create_vm(self, vm_id: UUID, name: str) -> None:
        """Defines a new VM and boots it; one of that id that is up is fine."""
        params = {"vmId": str(vm_id), "vmName": name}
        self._unless((VM_EXISTS,), "VM.create", vmID=str(vm_id), vmParams=params)

    def destroy_vm(self, vm_id: UUID) -> None:
        """Powers the VM off and has the host forget it; one that is gone is fine."""
        self._unless((NO_SUCH_VM,), "VM.destroy", vmID=str(vm_id))

    def freeze_vm(self, vm_id: UUID) -> None:
        """Freezes the guest's file systems; a VM that is not running has nothing to freeze."""
        self._unless((NO_SUCH_VM, VM_IS_DOWN), "VM.freeze", vmID=str(vm_id))

    def thaw_vm(self, vm_id: UUID) -> None:
        """Thaws the guest's file systems; a VM that is not running has nothing to thaw."""
        self._unless((NO_SUCH_VM, VM_IS_DOWN), "VM.thaw", vmID=str(vm_id))

    def snapshot_vm(self, vm_id: UUID, overlays: Iterable[VolumeAddress]) -> None:
        """Has the VM write to these new volumes; drives that do so already are left alone."""
        drives = self._drives(vm_id)
        missing = [
            {
                "domainID": str(one.storage_domain_id),
                "imageID": str(one.image_id),
                "volumeID": str(one.volume_id),
                "baseVolumeID": _on_drive(drives, vm_id, one.image_id)["volumeID"],
            }
            for one in overlays
            if _on_drive(drives, vm_id, one.image_id)["volumeID"] != str(one.volume_id)
        ]
        if missing:
            self._calls.do("VM.snapshot", vmID=str(vm_id), snapDrives=missing)

    def undo_snapshot(self, vm_id: UUID, overlay: VolumeAddress, base_id: UUID) -> None:
        """Has the VM fold an overlay back and write to its base; done already is fine."""
        drive = _on_drive(self._drives(vm_id), vm_id, overlay.image_id)
        if drive["volumeID"] != str(overlay.volume_id):
            return
        self._calls.do(
            "VM.merge",
            vmID=str(vm_id),
            drive={name: drive[name] for name in ("domainID", "imageID", "volumeID")},
            baseVolUUID=str(base_id),
            topVolUUID=str(overlay.volume_id),
            bandwidth="0",
            jobUUID=str(overlay.volume_id),
        )
        drive = _on_drive(self._drives(vm_id), vm_id, overlay.image_id)
        if drive["volumeID"] == str(overlay.volume_id):
            raise TryAgain(f"VM {vm_id} is merging volume {overlay.volume_id}", after=_SOON)

    def replicate_start(self, vm_id: UUID, image_id: UUID, destination: VolumeAddress) -> None:
        """Mirrors a drive's writes to another volume too; a mirror to that volume is fine."""
        drive = _on_drive(self._drives(vm_id), vm_id, image_id)
        wanted = self._disk(destination)
        if _is_at(drive.get("diskReplicate"), wanted) or _is_at(drive, wanted):
            return
        self._calls.do(
            "VM.diskReplicateStart", vmID=str(vm_id), srcDisk=_place(drive), dstDisk=wanted
        )

    def replicate_finish(self, vm_id: UUID, image_id: UUID, destination: VolumeAddress) -> None:
        """Pivots a drive to the volume that mirrors it; `TryAgain` until that one has all."""
        wanted = self._disk(destination)
        self._end_mirror(vm_id, image_id, wanted)
        if not _is_at(_on_drive(self._drives(vm_id), vm_id, image_id), wanted):
            raise Refused(f"VM {vm_id} did not take its disk {image_id} to {destination}")

    def replicate_cancel(self, vm_id: UUID, image_id: UUID) -> None:
        """Ends a drive's mirror and stays where it was; no mirror is fine."""
        if self.vm_exists(vm_id):
            self._end_mirror(vm_id, image_id, None)

    def attach_lun(self, vm_id: UUID, lun_id: str) -> None:
        """Gives the VM a LUN as a disk; attached already is fine."""
        if not any(one.get("GUID") == lun_id for one in self._drives(vm_id)):
            self._calls.do("VM.hotplugDisk", vmID=str(vm_id), params=_lun(vm_id, lun_id))

    def detach_lun(self, vm_id: UUID, lun_id: str) -> None:
        """Takes a LUN from the VM; not attached, or no VM, is fine."""
        if not self.vm_exists(vm_id):
            return
        if any(one.get("GUID") == lun_id for one in self._drives(vm_id)):
            self._calls.do("VM.hotunplugDisk", vmID=str(vm_id), params=_lun(vm_id, lun_id))

    def _end_mirror(self, vm_id: UUID, image_id: UUID, wanted: dict[str, str] | None) -> None:
        source = _place(_on_drive(self._drives(vm_id), vm_id, image_id))
        if wanted is not None and _is_at(source, wanted):
            return
        try:
            self._calls.do(
                "VM.diskReplicateFinish", vmID=str(vm_id), srcDisk=source, dstDisk=wanted or source
            )
        except VdsmError as error:
            if error.code == UNAVAILABLE:
                raise TryAgain(f"disk {image_id} is not in step yet", after=_SOON) from error
            if error.code not in (NO_REPLICATION, VM_IS_DOWN):
                raise

    def _is_up(self, vm_id: UUID) -> bool:
        return self.vm_status(vm_id) not in (None, "Down")

    def _drives(self, vm_id: UUID) -> list[dict[str, Any]]:
        found = self._calls.ask("Host.getVMFullList", vmList=[str(vm_id)])
        if not found:
            raise Refused(f"VM {vm_id} does not exist on the host")
        return [one for one in found[0]["devices"] if one["type"] == "disk"]

    def _disk(self, address: VolumeAddress) -> dict[str, str]:
        return {
            "device": "disk",
            "poolID": str(self._calls.settings.storage_pool),
            "domainID": str(address.storage_domain_id),
            "imageID": str(address.image_id),
            "volumeID": str(address.volume_id),
        }

    def _unless(self, fine: tuple[int, ...], method: str, **params: Any) -> None:
        try:
            self._calls.do(method, **params)
        except VdsmError as error:
            if error.code not in fine:
                raise


def _on_drive(drives: list[dict[str, Any]], vm_id: UUID, image_id: UUID) -> dict[str, Any]:
    for one in drives:
        if one.get("imageID") == str(image_id):
            return one
    raise Refused(f"VM {vm_id} has no disk {image_id}")


def _place(drive: dict[str, Any]) -> dict[str, str]:
    return {name: drive[name] for name in ("device", "poolID", "domainID", "imageID", "volumeID")}


def _is_at(drive: dict[str, Any] | None, wanted: dict[str, str]) -> bool:
    names = ("domainID", "imageID", "volumeID")
    return drive is not None and all(drive.get(name) == wanted[name] for name in names)


def _lun(vm_id: UUID, lun_id: str) -> dict[str, Any]:
    return {"vmId": str(vm_id), "drive": {"device": "disk", "GUID": lun_id}}
