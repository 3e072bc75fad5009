"""Making a VM, and giving one a LUN."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.stop_vm import KnownVm
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Locks, exclusive


class CreateVm(InPool, kind="vm.create", label="Create VM {name}", timeout=timedelta(minutes=10)):
    """Defines and boots a VM, with the hardware of one that an earlier part knew. Undone by destroying it."""

    vm_id: UUID = Field(default_factory=uuid4)
    name: str
    volumes: tuple[VolumeAddress, ...] = ()

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id)

    def execute(self, vdsm: Vdsm, like: KnownVm | None) -> None:
        xml = None if like is None else like.xml
        machines = vdsm.machines(self.storage_pool_id)
        machines.create_vm(self.vm_id, self.name, like=xml, volumes=self.volumes)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).destroy_vm(self.vm_id)


class AttachLun(
    InPool,
    kind="vm.attach_lun",
    label="Attach LUN {lun_id} to VM {vm_id}",
    timeout=timedelta(minutes=5),
):
    """Gives a VM a LUN as a disk. Undone by taking it away."""

    vm_id: UUID
    lun_id: str

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).attach_lun(self.vm_id, self.lun_id)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).detach_lun(self.vm_id, self.lun_id)
