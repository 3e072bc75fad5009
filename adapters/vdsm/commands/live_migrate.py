"""Moving a disk to another storage domain while its VM runs."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.fold import folded
from adapters.vdsm.commands.image import RemoveImage
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.snapshot import CreateSnapshot, overlay_id
from adapters.vdsm.commands.volume import CopyVolumes, CreateVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Locks, Plan, Refused, best_effort, exclusive, sequence


class StartReplication(
    InPool,
    kind="disk.replicate",
    label="Mirror disk {image_id} of VM {vm_id}",
    timeout=timedelta(minutes=10),
):
    """Mirrors what the VM writes to the new volume too. Undone by ending the mirror."""

    vm_id: UUID
    image_id: UUID
    destination: VolumeAddress

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).replicate_start(
            self.vm_id, self.image_id, self.destination
        )

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).replicate_cancel(self.vm_id, self.image_id)


class PivotDisk(
    InPool,
    kind="disk.pivot",
    label="Switch VM {vm_id} to the new disk",
    timeout=timedelta(hours=1),
):
    """Switches the VM to the new volumes, once they hold all that the old ones do."""

    vm_id: UUID
    image_id: UUID
    destination: VolumeAddress

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).replicate_finish(
            self.vm_id, self.image_id, self.destination
        )


class LiveMigrateDisk(InPool, kind="disk.live_migrate", label="Live migrate disk {image_id}"):
    """Snapshots the disk, builds its chain in the other domain, mirrors, copies, pivots, tidies up.

    The snapshot frees all but the newest volume from writes, so they can be copied while the VM
    runs. When a part before the pivot fails, the VM stays where it was and nothing is left in the
    other domain.
    """

    vm_id: UUID
    image_id: UUID
    new_storage_domain_id: UUID
    snapshot_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", self.image_id)

    def validate(self, vdsm: Vdsm) -> None:
        present = vdsm.storage(self.storage_pool_id).storage_domain_id
        if self.new_storage_domain_id == present:
            raise Refused(f"disk {self.image_id} is in storage domain {present}")

    def plan(self, vdsm: Vdsm) -> Plan:
        pool = self.storage_pool_id
        storage = vdsm.storage(pool)
        chain = storage.chain(self.image_id)
        newest = chain[-1]
        overlay = self._there(overlay_id(self.snapshot_id, self.image_id))
        structure = [
            CreateVolume(
                address=self._there(one.address.volume_id),
                size_bytes=one.size_bytes,
                parent_id=one.parent_id,
                storage_pool_id=pool,
            )
            for one in chain
        ]
        top = CreateVolume(
            address=overlay,
            size_bytes=newest.size_bytes,
            parent_id=newest.address.volume_id,
            storage_pool_id=pool,
        )
        return sequence(
            CreateSnapshot(
                vm_id=self.vm_id,
                image_ids=(self.image_id,),
                snapshot_id=self.snapshot_id,
                storage_pool_id=pool,
            ),
            sequence(structure, top),  # a base before what lies on it
            StartReplication(
                vm_id=self.vm_id, image_id=self.image_id, destination=overlay, storage_pool_id=pool
            ),
            CopyVolumes(sources=tuple(one.address for one in chain), storage_pool_id=pool),
            PivotDisk(
                vm_id=self.vm_id, image_id=self.image_id, destination=overlay, storage_pool_id=pool
            ),
            best_effort(
                RemoveImage(
                    image_id=self.image_id,
                    storage_domain_id=storage.storage_domain_id,
                    storage_pool_id=pool,
                )
            ),
            best_effort(folded(self.vm_id, overlay, newest.address.volume_id, pool)),
        )

    def _there(self, volume_id: UUID) -> VolumeAddress:
        return VolumeAddress(
            storage_domain_id=self.new_storage_domain_id,
            image_id=self.image_id,
            volume_id=volume_id,
        )
