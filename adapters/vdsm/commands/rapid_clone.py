"""Cloning a VM by the storage vendor's own means: our steps and theirs in one chain."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.stop_vm import StopVm
from adapters.vdsm.commands.volume import DeleteVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import (
    AsyncTask,
    Command,
    Locks,
    Plan,
    Refused,
    WhenSilent,
    exclusive,
    external,
    parallel,
    sequence,
)


class CheckChain(
    Command,
    kind="image.check",
    label="Check the volumes of image {image_id}",
    timeout=timedelta(minutes=5),
):
    """Checks that no volume of an image is half written."""

    image_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        for one in vdsm.chain(self.image_id):
            if not one.is_legal:
                raise Refused(f"volume {one.address} is illegal: a write to it was never finished")


class MergeVolume(
    Command, kind="volume.merge", label="Merge volume {overlay}", timeout=timedelta(hours=12)
):
    """Merges a volume into the one below it, while the VM is down."""

    overlay: VolumeAddress
    base_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        base = self.overlay.model_copy(update={"volume_id": self.base_id})
        return vdsm.merge_volume(self.overlay.volume_id, vdsm.volume(base))


class CoalesceImage(Command, kind="image.coalesce", label="Coalesce image {image_id}"):
    """Merges an image's chain of volumes into one, newest first; a chain of one is only checked."""

    image_id: UUID

    def locks(self) -> Locks:
        return exclusive("disk", self.image_id)

    def plan(self, vdsm: Vdsm) -> Plan:
        overlays = [one for one in reversed(vdsm.chain(self.image_id)) if one.parent_id]
        return sequence(
            CheckChain(image_id=self.image_id),
            *(
                sequence(
                    MergeVolume(overlay=one.address, base_id=one.parent_id),
                    DeleteVolume(address=one.address),
                )
                for one in overlays
                if one.parent_id is not None
            ),
        )


class CreateVm(Command, kind="vm.create", label="Create VM {name}", timeout=timedelta(minutes=10)):
    """Defines and boots a VM. Undone by destroying it."""

    vm_id: UUID = Field(default_factory=uuid4)
    name: str

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id)

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.create_vm(self.vm_id, self.name)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.destroy_vm(self.vm_id)


class AttachLun(
    Command,
    kind="vm.attach_lun",
    label="Attach LUN {lun_id} to VM {vm_id}",
    timeout=timedelta(minutes=5),
):
    """Gives a VM a LUN as a disk. Undone by taking it away."""

    vm_id: UUID
    lun_id: str

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.attach_lun(self.vm_id, self.lun_id)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.detach_lun(self.vm_id, self.lun_id)


class RapidClone(Command, kind="vm.rapid_clone", label="Clone VM {vm_id} as {name}"):
    """Shuts a VM down, coalesces its disks, has the vendor clone them, makes the new VM.

    The vendor reports two tasks of its own: the clone of the LUN, and the update of the metadata on
    it. Their data is `{"vm_id", "new_vm_id", "lun_id", "image_ids"}`.
    """

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    name: str
    lun_id: str
    vendor: str
    new_vm_id: UUID = Field(default_factory=uuid4)
    vendor_lease: timedelta = timedelta(minutes=2)
    vendor_timeout: timedelta = timedelta(hours=2)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id, self.new_vm_id) + exclusive("disk", *self.image_ids)

    def plan(self) -> Plan:
        return sequence(
            StopVm(vm_id=self.vm_id),
            parallel(CoalesceImage(image_id=one) for one in self.image_ids),
            self._external(f"Clone the disks of VM {self.vm_id}"),
            self._external(f"Update the metadata on LUN {self.lun_id}"),
            CreateVm(vm_id=self.new_vm_id, name=self.name),
            AttachLun(vm_id=self.new_vm_id, lun_id=self.lun_id),
        )

    def _external(self, description: str) -> Command:
        data = {
            "vm_id": str(self.vm_id),
            "new_vm_id": str(self.new_vm_id),
            "lun_id": self.lun_id,
            "image_ids": [str(one) for one in self.image_ids],
        }
        return external(
            self.vendor,
            description,
            lease=self.vendor_lease,
            timeout=self.vendor_timeout,
            when_silent=WhenSilent.ATTENTION,
            data=data,
        )
