"""Importing a VM from another hypervisor: disks here, its data into them, the VM on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.create_vm import CreateVm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.volume import CreateVolume
from adapters.vdsm.volume import ConvertedVm, VolumeAddress
from orchestrator import AsyncTask, Locks, Plan, Refused, exclusive, parallel, sequence


class ConvertVm(
    InPool,
    kind="vm.convert",
    label="Fetch VM {vm_name} from {source}",
    timeout=timedelta(hours=24),
):
    """Has a host fetch and rewrite the disks of a foreign VM, with progress. Undone with the disks."""

    source: str
    vm_name: str
    volumes: tuple[VolumeAddress, ...]

    def execute(self, vdsm: Vdsm) -> AsyncTask[ConvertedVm]:
        storage = vdsm.storage(self.storage_pool_id)
        return storage.convert_vm(self.source, self.vm_name, self.volumes)


class ImportVm(InPool, kind="vm.import", label="Import VM {vm_name} from {source}"):
    """Creates disks, has a host fetch a foreign VM into them, and with `start` boots it.

    `source` names one of `ORCHESTRATOR_VDSM_SOURCES`; `disk_sizes` are bytes, in the order of the VM's disks there. It
    returns how the VM is described (OVF). When it fails, the disks are deleted.
    """

    source: str
    vm_name: str
    disk_sizes: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    new_vm_id: UUID = Field(default_factory=uuid4)
    new_storage_domain_id: UUID | None = None
    start: bool = False

    def locks(self) -> Locks:
        return exclusive("vm", self.new_vm_id) + exclusive("disk", *self.image_ids())

    def image_ids(self) -> tuple[UUID, ...]:
        """Gives the ids of the images that it makes."""
        numbers = range(1, len(self.disk_sizes) + 1)
        return tuple(uuid5(self.new_vm_id, f"disk {one}") for one in numbers)

    def validate(self, vdsm: Vdsm) -> None:
        if self.source not in vdsm.settings.sources:
            known = ", ".join(sorted(vdsm.settings.sources)) or "none"
            raise Refused(
                f"no source {self.source!r} is configured ({known});"
                " add it to ORCHESTRATOR_VDSM_SOURCES"
            )

    def plan(self, vdsm: Vdsm) -> Plan:
        pool, storage = self.storage_pool_id, vdsm.storage(self.storage_pool_id)
        target = self.new_storage_domain_id or storage.storage_domain_id
        volumes = tuple(
            VolumeAddress(storage_domain_id=target, image_id=one, volume_id=uuid5(one, "volume"))
            for one in self.image_ids()
        )
        boot = CreateVm(
            vm_id=self.new_vm_id, name=self.vm_name, volumes=volumes, storage_pool_id=pool
        )
        return sequence(
            parallel(
                CreateVolume(address=one, size_bytes=size, storage_pool_id=pool)
                for one, size in zip(volumes, self.disk_sizes, strict=True)
            ),
            ConvertVm(
                source=self.source, vm_name=self.vm_name, volumes=volumes, storage_pool_id=pool
            ),
            [boot] if self.start else [],
        )

    def end(self, converted: ConvertedVm | None) -> ConvertedVm | None:
        return converted
