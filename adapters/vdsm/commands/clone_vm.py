"""Cloning a VM disk by disk, while it runs or not."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.copy_disk import copied, copy_of
from adapters.vdsm.commands.create_vm import CreateVm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.remove_snapshot import RemoveSnapshot
from adapters.vdsm.commands.snapshot import CreateSnapshot
from adapters.vdsm.commands.stop_vm import RememberVm
from orchestrator import Locks, Plan, best_effort, exclusive, parallel, sequence


class CloneVm(InPool, kind="vm.clone", label="Clone VM {vm_id} as {name}"):
    """Snapshots a running VM, copies its disks side by side, boots the clone, removes the snapshot.

    The snapshot frees all but the newest volumes from writes. The clone has the hardware of the VM but network
    addresses of its own; a VM that is down has none to show, and its clone gets the usual. When a part fails, the
    copies are deleted and the snapshot is taken back.
    """

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    name: str
    new_vm_id: UUID = Field(default_factory=uuid4)
    new_storage_domain_id: UUID | None = None
    snapshot_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return (
            exclusive("vm", self.vm_id, self.new_vm_id)
            + exclusive("disk", *self.image_ids)
            + exclusive("disk", *(self.new_image_id(one) for one in self.image_ids))
        )

    def new_image_id(self, image_id: UUID) -> UUID:
        """Gives the id that the copy of an image has."""
        return uuid5(self.new_vm_id, str(image_id))

    def plan(self, vdsm: Vdsm) -> Plan:
        pool, storage = self.storage_pool_id, vdsm.storage(self.storage_pool_id)
        target = self.new_storage_domain_id or storage.storage_domain_id
        chains = {one: storage.chain(one) for one in self.image_ids}
        runs = vdsm.machines(pool).running_xml(self.vm_id) is not None
        snapshot = {
            "vm_id": self.vm_id,
            "image_ids": self.image_ids,
            "snapshot_id": self.snapshot_id,
            "storage_pool_id": pool,
        }
        newest = tuple(
            copy_of(chain[-1].address, self.new_image_id(image_id), target)
            for image_id, chain in chains.items()
        )
        return sequence(
            RememberVm(vm_id=self.vm_id, storage_pool_id=pool),
            [CreateSnapshot.model_validate(snapshot)] if runs else [],
            parallel(
                copied(chain, self.new_image_id(image_id), target, pool)
                for image_id, chain in chains.items()
            ),
            CreateVm(vm_id=self.new_vm_id, name=self.name, volumes=newest, storage_pool_id=pool),
            [best_effort(RemoveSnapshot.model_validate(snapshot))] if runs else [],
        )
