"""Taking a snapshot of a VM: new volumes on top of its disks, and the VM writes to them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.storage import StorageVerbs
from adapters.vdsm.volume import Volume, VolumeAddress
from orchestrator import AsyncTask, Locks, Plan, exclusive, parallel, sequence


def overlay_id(snapshot_id: UUID, image_id: UUID) -> UUID:
    """Gives the id of the volume that a snapshot puts on an image: known before, the same each
    time."""
    return uuid5(snapshot_id, str(image_id))


class FreezeGuest(
    InPool, kind="vm.freeze", label="Freeze VM {vm_id}", timeout=timedelta(minutes=2)
):
    """Freezes the guest's file systems, so that its disks are in step. Undone by a thaw."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).freeze_vm(self.vm_id)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).thaw_vm(self.vm_id)


class ThawGuest(InPool, kind="vm.thaw", label="Thaw VM {vm_id}", timeout=timedelta(minutes=2)):
    """Thaws the guest's file systems."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).thaw_vm(self.vm_id)


class CreateOverlay(
    InPool,
    kind="volume.create_overlay",
    label="Create a volume on image {image_id}",
    timeout=timedelta(minutes=30),
):
    """Creates an empty volume on top of an image's newest one. Undone by deleting it."""

    image_id: UUID
    volume_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[Volume]:
        storage = vdsm.storage(self.storage_pool_id)
        # Called again after a lost start, the newest volume may be the one that is wanted.
        below = [
            one for one in storage.chain(self.image_id) if one.address.volume_id != self.volume_id
        ][-1]
        return storage.create_volume(
            self._address(storage),
            size_bytes=below.size_bytes,
            parent_id=below.address.volume_id,
        )

    def compensate(self, vdsm: Vdsm) -> AsyncTask[None]:
        storage = vdsm.storage(self.storage_pool_id)
        return storage.delete_volume(self._address(storage))

    def _address(self, storage: StorageVerbs) -> VolumeAddress:
        return VolumeAddress(
            storage_domain_id=storage.storage_domain_id,
            image_id=self.image_id,
            volume_id=self.volume_id,
        )


class TakeSnapshot(
    InPool,
    kind="vm.snapshot.take",
    label="Switch VM {vm_id} to its new volumes",
    timeout=timedelta(minutes=10),
):
    """Has the VM write to the new volumes. Undone by folding them back into their bases."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm, overlays: list[Volume]) -> None:
        vdsm.machines(self.storage_pool_id).snapshot_vm(
            self.vm_id, [one.address for one in overlays]
        )

    def compensate(self, vdsm: Vdsm, overlays: list[Volume]) -> None:
        machines = vdsm.machines(self.storage_pool_id)
        if machines.running_xml(self.vm_id) is None:
            return  # nobody writes to the new volumes, which are deleted
        for one in overlays:
            if one.parent_id is not None:
                machines.merge_live(self.vm_id, one.address, one.parent_id)


class CreateSnapshot(InPool, kind="vm.snapshot.create", label="Take a snapshot of VM {vm_id}"):
    """Freezes the guest, creates a volume on each image, switches the VM to them, thaws the
    guest."""

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    snapshot_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def validate(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).check_unleased(self.vm_id, self.image_ids)

    def plan(self) -> Plan:
        pool = self.storage_pool_id
        return sequence(
            FreezeGuest(vm_id=self.vm_id, storage_pool_id=pool),
            parallel(
                CreateOverlay(
                    image_id=one,
                    volume_id=overlay_id(self.snapshot_id, one),
                    storage_pool_id=pool,
                )
                for one in self.image_ids
            ),
            TakeSnapshot(vm_id=self.vm_id, storage_pool_id=pool),
            ThawGuest(vm_id=self.vm_id, storage_pool_id=pool),
        )
