"""The parts that several flows share: creating, copying and deleting volumes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.volume import CopiedData, Volume, VolumeAddress
from orchestrator import AsyncTask, Plan, Retry, parallel


class CreateVolume(
    InPool, kind="volume.create", label="Create volume {address}", timeout=timedelta(minutes=30)
):
    """Creates a volume under an id that is known before. Undone by deleting it."""

    address: VolumeAddress
    size_bytes: int
    parent_id: UUID | None = None
    is_scratch: bool = False

    def execute(self, vdsm: Vdsm) -> AsyncTask[Volume]:
        return vdsm.storage(self.storage_pool_id).create_volume(
            self.address,
            size_bytes=self.size_bytes,
            parent_id=self.parent_id,
            is_scratch=self.is_scratch,
        )

    def compensate(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.storage(self.storage_pool_id).delete_volume(self.address)


class DeleteVolume(
    InPool,
    kind="volume.delete",
    label="Delete volume {address}",
    timeout=timedelta(minutes=30),
    retry=Retry(attempts=3),
):
    """Deletes a volume; one that is gone is fine, so it is tried again."""

    address: VolumeAddress

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.storage(self.storage_pool_id).delete_volume(self.address)


class CopyData(
    InPool, kind="volume.copy", label="Copy volume {source}", timeout=timedelta(hours=12)
):
    """Copies a volume's data into another, with progress. Undone with the destination."""

    source: VolumeAddress
    destination: Volume

    def execute(self, vdsm: Vdsm) -> AsyncTask[CopiedData]:
        return vdsm.storage(self.storage_pool_id).copy_data(self.source, self.destination)


class CopyVolumes(
    InPool, kind="volume.copy_all", label="Copy the volumes", timeout=timedelta(hours=12)
):
    """Copies each source into the volume that was created for it, side by side.

    The sources are in the order in which their destinations were created; destinations beyond the
    last source stay empty.
    """

    sources: tuple[VolumeAddress, ...]

    def plan(self, destinations: list[Volume]) -> Plan:
        return parallel(
            CopyData(source=source, destination=destination, storage_pool_id=self.storage_pool_id)
            for source, destination in zip(self.sources, destinations, strict=False)
        )
