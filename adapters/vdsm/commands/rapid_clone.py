"""Cloning a VM by the storage vendor's own means: our steps and theirs in one chain."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import Field

from adapters.vdsm.commands.create_vm import AttachLun, CreateVm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.merge import CoalesceImage
from adapters.vdsm.commands.stop_vm import StopVm
from orchestrator import (
    Command,
    Locks,
    Plan,
    WhenSilent,
    exclusive,
    external,
    parallel,
    sequence,
)


class RapidClone(InPool, kind="vm.rapid_clone", label="Clone VM {vm_id} as {name}"):
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
        pool = self.storage_pool_id
        return sequence(
            StopVm(vm_id=self.vm_id, storage_pool_id=pool),
            parallel(CoalesceImage(image_id=one, storage_pool_id=pool) for one in self.image_ids),
            self._external(f"Clone the disks of VM {self.vm_id}"),
            self._external(f"Update the metadata on LUN {self.lun_id}"),
            CreateVm(vm_id=self.new_vm_id, name=self.name, storage_pool_id=pool),
            AttachLun(vm_id=self.new_vm_id, lun_id=self.lun_id, storage_pool_id=pool),
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
