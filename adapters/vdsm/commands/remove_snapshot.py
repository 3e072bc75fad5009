"""Removing a snapshot of a VM: the volumes that it put on the disks go into the ones below them."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.fold import folded
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.merge import MergeDown
from adapters.vdsm.commands.snapshot import overlay_id
from adapters.vdsm.commands.volume import DeleteVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Command, Locks, Plan, Refused, exclusive, parallel, sequence


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
        pool, parts = self.storage_pool_id, []
        for image_id in self.image_ids:
            found = storage.find_volume(
                VolumeAddress(
                    storage_domain_id=storage.storage_domain_id,
                    image_id=image_id,
                    volume_id=overlay_id(self.snapshot_id, image_id),
                )
            )
            if found is None:
                continue  # an earlier try got this far
            if found.parent_id is None:
                raise Refused(f"volume {found.address} lies on nothing; it is no snapshot's")
            if found.is_legal:
                parts.append(self._fold(found.address, found.parent_id, runs=runs))
            else:  # an earlier try merged it. The base may have been written to since: never merge it again
                parts.append(DeleteVolume(address=found.address, storage_pool_id=pool))
        return sequence(parallel(parts)) if parts else sequence()

    def _fold(self, overlay: VolumeAddress, base_id: UUID, *, runs: bool) -> Command | Plan:
        pool = self.storage_pool_id
        if not runs:
            return MergeDown(overlay=overlay, base_id=base_id, storage_pool_id=pool)
        return folded(self.vm_id, overlay, base_id, pool)
