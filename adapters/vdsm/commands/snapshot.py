"""Taking a snapshot of a VM: new volumes on top of its disks, and the VM writes to them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.volume import Volume, VolumeAddress
from orchestrator import AsyncTask, Command, Locks, Plan, exclusive, parallel, sequence


def overlay_id(snapshot_id: UUID, image_id: UUID) -> UUID:
    """Gives the id of the volume that a snapshot puts on an image: known before, the same each
    time."""
    return uuid5(snapshot_id, str(image_id))


class FreezeGuest(
    Command, kind="vm.freeze", label="Freeze VM {vm_id}", timeout=timedelta(minutes=2)
):
    """Freezes the guest's file systems, so that its disks are in step. Undone by a thaw."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.freeze_vm(self.vm_id)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.thaw_vm(self.vm_id)


class ThawGuest(Command, kind="vm.thaw", label="Thaw VM {vm_id}", timeout=timedelta(minutes=2)):
    """Thaws the guest's file systems."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.thaw_vm(self.vm_id)


class CreateOverlay(
    Command,
    kind="volume.create_overlay",
    label="Create a volume on image {image_id}",
    timeout=timedelta(minutes=30),
):
    """Creates an empty volume on top of an image's newest one. Undone by deleting it."""

    image_id: UUID
    volume_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[Volume]:
        # Called again after a lost start, the newest volume may be the one that is wanted.
        below = [
            one for one in vdsm.chain(self.image_id) if one.address.volume_id != self.volume_id
        ][-1]
        return vdsm.create_volume(
            self._address(vdsm),
            size_bytes=below.size_bytes,
            parent_id=below.address.volume_id,
        )

    def compensate(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.delete_volume(self._address(vdsm))

    def _address(self, vdsm: Vdsm) -> VolumeAddress:
        return VolumeAddress(
            storage_domain_id=vdsm.storage_domain_id,
            image_id=self.image_id,
            volume_id=self.volume_id,
        )


class TakeSnapshot(
    Command,
    kind="vm.snapshot.take",
    label="Switch VM {vm_id} to its new volumes",
    timeout=timedelta(minutes=10),
):
    """Has the VM write to the new volumes. Undone by folding them back into their bases."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm, overlays: list[Volume]) -> None:
        vdsm.snapshot_vm(self.vm_id, [one.address for one in overlays])

    def compensate(self, vdsm: Vdsm, overlays: list[Volume]) -> None:
        for one in overlays:
            if one.parent_id is not None:
                vdsm.undo_snapshot(self.vm_id, one.address, one.parent_id)


class CreateSnapshot(Command, kind="vm.snapshot.create", label="Take a snapshot of VM {vm_id}"):
    """Freezes the guest, creates a volume on each image, switches the VM to them, thaws the
    guest."""

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    snapshot_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def plan(self) -> Plan:
        return sequence(
            FreezeGuest(vm_id=self.vm_id),
            parallel(
                CreateOverlay(image_id=one, volume_id=overlay_id(self.snapshot_id, one))
                for one in self.image_ids
            ),
            TakeSnapshot(vm_id=self.vm_id),
            ThawGuest(vm_id=self.vm_id),
        )
