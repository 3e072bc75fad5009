"""Exporting a VM as one OVA file: our steps, and a packer's, which is a vendor's program."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.remove_snapshot import RemoveSnapshot
from adapters.vdsm.commands.snapshot import CreateSnapshot
from adapters.vdsm.commands.stop_vm import KnownVm, RememberVm
from adapters.vdsm.volume import PreparedVolumes, VolumeAddress
from orchestrator import Locks, Plan, best_effort, exclusive, external, sequence


class PrepareVolumes(
    InPool,
    kind="volume.prepare",
    label="Prepare the volumes for reading",
    timeout=timedelta(minutes=30),
):
    """Makes volumes readable as files on one host. Undone by releasing them."""

    volumes: tuple[VolumeAddress, ...]

    def execute(self, vdsm: Vdsm) -> PreparedVolumes:
        return vdsm.storage(self.storage_pool_id).prepare(self.volumes)

    def compensate(self, vdsm: Vdsm, prepared: PreparedVolumes) -> None:
        vdsm.storage(self.storage_pool_id).release(prepared)


class ReleaseVolumes(
    InPool, kind="volume.release", label="Release the volumes", timeout=timedelta(minutes=30)
):
    """Releases what was prepared."""

    def execute(self, vdsm: Vdsm, prepared: PreparedVolumes) -> None:
        vdsm.storage(self.storage_pool_id).release(prepared)


class PackOva(InPool, kind="vm.pack_ova", label="Pack VM {vm_id} into {path}"):
    """Has the packer write the file; it is asked to remove it when a later part fails."""

    vm_id: UUID
    path: str
    packer: str
    lease: timedelta
    timeout: timedelta

    def plan(self, prepared: PreparedVolumes, known: KnownVm) -> Plan:
        data = {
            "vm_id": str(self.vm_id),
            "path": self.path,
            "host": prepared.host,
            "domain_xml": known.xml,
            "disks": [
                {"image_id": str(image_id), "path": path}
                for image_id, path in prepared.paths.items()
            ],
        }
        return sequence(
            external(
                self.packer,
                f"Pack VM {self.vm_id} into {self.path}",
                topic="ova.pack",
                lease=self.lease,
                timeout=self.timeout,
                data=data,
                can_undo=True,
            )
        )


class ExportOva(InPool, kind="vm.export_ova", label="Export VM {vm_id} to {path}"):
    """Snapshots a running VM, has its disks packed into one file on a host, removes the snapshot.

    The packer is a vendor's program on that host. It gets a task on the topic `ova.pack` with `{"vm_id", "path",
    "host", "domain_xml", "disks": [{"image_id", "path"}]}`, and one on `ova.pack.undo` when the file is to be removed.
    """

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    path: str = Field(pattern="^/")
    packer: str
    packer_lease: timedelta = timedelta(minutes=2)
    packer_timeout: timedelta = timedelta(hours=12)
    snapshot_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def plan(self, vdsm: Vdsm) -> Plan:
        pool, storage = self.storage_pool_id, vdsm.storage(self.storage_pool_id)
        newest = tuple(storage.chain(one)[-1].address for one in self.image_ids)
        runs = vdsm.machines(pool).running_xml(self.vm_id) is not None
        snapshot = {
            "vm_id": self.vm_id,
            "image_ids": self.image_ids,
            "snapshot_id": self.snapshot_id,
            "storage_pool_id": pool,
        }
        return sequence(
            RememberVm(vm_id=self.vm_id, storage_pool_id=pool),
            [CreateSnapshot.model_validate(snapshot)] if runs else [],
            PrepareVolumes(volumes=newest, storage_pool_id=pool),
            PackOva(
                vm_id=self.vm_id,
                path=self.path,
                packer=self.packer,
                lease=self.packer_lease,
                timeout=self.packer_timeout,
                storage_pool_id=pool,
            ),
            best_effort(ReleaseVolumes(storage_pool_id=pool)),
            [best_effort(RemoveSnapshot.model_validate(snapshot))] if runs else [],
        )
