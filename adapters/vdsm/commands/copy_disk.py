"""Copying a disk that nobody writes to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.volume import CopyVolumes, CreateVolume
from adapters.vdsm.storage_jobs import GENERATIONS
from adapters.vdsm.volume import Volume, VolumeAddress
from orchestrator import Locks, Plan, Refused, exclusive, sequence, shared


class CheckCopy(
    InPool, kind="disk.check_copy", label="Check the copy", timeout=timedelta(minutes=5)
):
    """Checks that each volume that was created has been written in full, exactly once."""

    def execute(self, vdsm: Vdsm, created: list[Volume]) -> None:
        for one in created:
            now = vdsm.storage(self.storage_pool_id).volume(one.address)
            if not now.is_legal or now.generation != (one.generation + 1) % GENERATIONS:
                raise Refused(
                    f"volume {one.address} is not a whole copy: generation {now.generation},"
                    f" expected {one.generation + 1}; remove it and copy again"
                )


class CopyDisk(InPool, kind="disk.copy", label="Copy disk {image_id}"):
    """Creates an image like another, copies the data with progress, checks it.

    Where no storage domain is given, the configured one is meant. When it fails, the new image is
    deleted.
    """

    image_id: UUID
    storage_domain_id: UUID | None = None
    new_image_id: UUID = Field(default_factory=uuid4)
    new_storage_domain_id: UUID | None = None

    def locks(self) -> Locks:
        return shared("disk", self.image_id) + exclusive("disk", self.new_image_id)

    def plan(self, vdsm: Vdsm) -> Plan:
        storage = vdsm.storage(self.storage_pool_id)
        chain = storage.chain(self.image_id, storage_domain_id=self.storage_domain_id)
        target = self.new_storage_domain_id or storage.storage_domain_id
        return sequence(
            sequence(self._create(target, one) for one in chain),  # a base before what lies on it
            CopyVolumes(
                sources=tuple(one.address for one in chain), storage_pool_id=self.storage_pool_id
            ),
            CheckCopy(storage_pool_id=self.storage_pool_id),
        )

    def _create(self, domain_id: UUID, source: Volume) -> CreateVolume:
        parent_id = source.parent_id
        return CreateVolume(
            address=VolumeAddress(
                storage_domain_id=domain_id,
                image_id=self.new_image_id,
                volume_id=self._new_id(source.address.volume_id),
            ),
            size_bytes=source.size_bytes,
            parent_id=None if parent_id is None else self._new_id(parent_id),
            storage_pool_id=self.storage_pool_id,
        )

    def _new_id(self, volume_id: UUID) -> UUID:
        return uuid5(self.new_image_id, str(volume_id))
