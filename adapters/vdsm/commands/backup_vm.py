"""Backing a running VM up: its disks are held open for a client, which says when it has read them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.backups import OpenBackup
from adapters.vdsm.commands.image import RemoveImage
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.volume import CreateVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Locks, Plan, best_effort, exclusive, external, parallel, sequence


class StartBackup(
    InPool,
    kind="vm.backup.start",
    label="Open the disks of VM {vm_id} for a backup",
    timeout=timedelta(minutes=10),
):
    """Holds a VM's disks as they are at this moment, for readers. Undone by ending the backup."""

    vm_id: UUID
    backup_id: UUID
    scratch: dict[UUID, VolumeAddress]

    def execute(self, vdsm: Vdsm) -> OpenBackup:
        backups = vdsm.backups(self.storage_pool_id)
        return backups.start(self.vm_id, self.backup_id, self.scratch)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.backups(self.storage_pool_id).stop(self.vm_id, self.backup_id, self.scratch)


class ServeBackup(InPool, kind="vm.backup.serve", label="Wait for {client} to read the backup"):
    """Waits until the client says that it has read what it wants, or has failed."""

    client: str
    lease: timedelta | None
    timeout: timedelta

    def plan(self, backup: OpenBackup) -> Plan:
        data = {
            "vm_id": str(backup.vm_id),
            "backup_id": str(backup.backup_id),
            "disks": [
                {"image_id": str(image_id), "url": url} for image_id, url in backup.urls.items()
            ],
        }
        return sequence(
            external(
                self.client,
                f"Read the backup of VM {backup.vm_id}",
                topic="backup.read",
                lease=self.lease,
                timeout=self.timeout,
                data=data,
            )
        )


class StopBackup(
    InPool,
    kind="vm.backup.stop",
    label="End the backup of VM {vm_id}",
    timeout=timedelta(minutes=10),
):
    """Ends a backup; one that is over is fine."""

    vm_id: UUID
    backup_id: UUID
    scratch: dict[UUID, VolumeAddress]

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.backups(self.storage_pool_id).stop(self.vm_id, self.backup_id, self.scratch)


class BackupVm(InPool, kind="vm.backup", label="Back up VM {vm_id}"):
    """Creates scratch disks, opens the VM's disks, waits for the client to read them, ends and tidies up.

    The client is a vendor's program, which fetches a task on the topic `backup.read` with `{"vm_id", "backup_id",
    "disks": [{"image_id", "url"}]}`, reads the NBD exports, and reports its end: the signal to close the backup.
    """

    vm_id: UUID
    image_ids: tuple[UUID, ...] = Field(min_length=1)
    client: str
    client_lease: timedelta | None = None
    client_timeout: timedelta = timedelta(hours=24)
    backup_id: UUID = Field(default_factory=uuid4)

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def plan(self, vdsm: Vdsm) -> Plan:
        pool, storage = self.storage_pool_id, vdsm.storage(self.storage_pool_id)
        newest = {one: storage.chain(one)[-1] for one in self.image_ids}
        scratch = {one: self._scratch(one, storage.storage_domain_id) for one in self.image_ids}
        this = {
            "vm_id": self.vm_id,
            "backup_id": self.backup_id,
            "scratch": scratch,
            "storage_pool_id": pool,
        }
        return sequence(
            parallel(
                CreateVolume(
                    address=scratch[image_id],
                    size_bytes=volume.size_bytes,
                    is_scratch=True,
                    storage_pool_id=pool,
                )
                for image_id, volume in newest.items()
            ),
            StartBackup.model_validate(this),
            ServeBackup(
                client=self.client,
                lease=self.client_lease,
                timeout=self.client_timeout,
                storage_pool_id=pool,
            ),
            StopBackup.model_validate(this),
            best_effort(
                parallel(
                    RemoveImage(image_id=one.image_id, storage_pool_id=pool)
                    for one in scratch.values()
                )
            ),
        )

    def _scratch(self, image_id: UUID, domain_id: UUID) -> VolumeAddress:
        scratch_id = uuid5(self.backup_id, str(image_id))
        return VolumeAddress(
            storage_domain_id=domain_id,
            image_id=scratch_id,
            volume_id=uuid5(scratch_id, "volume"),
        )
