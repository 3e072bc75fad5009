"""Removing a snapshot of a VM: the volumes that it put on the disks go into the ones below them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.merge import MergeDown
from adapters.vdsm.commands.snapshot import overlay_id
from adapters.vdsm.commands.volume import DeleteVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Command, Locks, Plan, Refused, exclusive, parallel, sequence


class FoldOverlay(
    InPool,
    kind="vm.snapshot.fold",
    label="Fold volume {overlay} into its base",
    timeout=timedelta(hours=12),
):
    """Has a running VM merge a volume into the one below."""

    vm_id: UUID
    overlay: VolumeAddress
    base_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        machines = vdsm.machines(self.storage_pool_id)
        machines.merge_live(self.vm_id, self.overlay, self.base_id)


class RemoveSnapshot(
    InPool, kind="vm.snapshot.remove", label="Remove snapshot {snapshot_id} of VM {vm_id}"
):
    """Merges what a snapshot put on each image, in the VM while it runs, on a host while it is down.

    What has been merged stays merged when another image fails; the command can be restarted.
    """

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    snapshot_id: UUID

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def plan(self, vdsm: Vdsm) -> Plan:
        storage = vdsm.storage(self.storage_pool_id)
        runs = vdsm.machines(self.storage_pool_id).running_xml(self.vm_id) is not None
        parts = []
        for image_id in self.image_ids:
            chain = {one.address.volume_id: one for one in storage.chain(image_id)}
            found = chain.get(overlay_id(self.snapshot_id, image_id))
            if found is None:
                continue  # an earlier try got this far
            if found.parent_id is None:
                raise Refused(f"volume {found.address} lies on nothing; it is no snapshot's")
            parts.append(self._fold(found.address, found.parent_id, runs=runs))
        return sequence(parallel(parts)) if parts else sequence()

    def _fold(self, overlay: VolumeAddress, base_id: UUID, *, runs: bool) -> Command | Plan:
        pool = self.storage_pool_id
        if not runs:
            return MergeDown(overlay=overlay, base_id=base_id, storage_pool_id=pool)
        return sequence(
            FoldOverlay(vm_id=self.vm_id, overlay=overlay, base_id=base_id, storage_pool_id=pool),
            DeleteVolume(address=overlay, storage_pool_id=pool),
        )
