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

    A disk that a running VM writes to is refused: the copy would be torn. `vm.clone` copies such disks.
    Where no storage domain is given, the configured one is meant. When it fails, the new image is
    deleted.
    """

    image_id: UUID
    storage_domain_id: UUID | None = None
    new_image_id: UUID = Field(default_factory=uuid4)
    new_storage_domain_id: UUID | None = None

    def locks(self) -> Locks:
        return shared("disk", self.image_id) + exclusive("disk", self.new_image_id)

    def validate(self, vdsm: Vdsm) -> None:
        vm_id = vdsm.machines(self.storage_pool_id).writer_of(self.image_id)
        if vm_id is not None:
            raise Refused(
                f"VM {vm_id} runs and writes to disk {self.image_id}, so a copy would be torn;"
                " stop the VM first, or clone it (vm.clone)"
            )

    def plan(self, vdsm: Vdsm) -> Plan:
        storage = vdsm.storage(self.storage_pool_id)
        chain = storage.chain(self.image_id, storage_domain_id=self.storage_domain_id)
        target = self.new_storage_domain_id or storage.storage_domain_id
        return copied(chain, self.new_image_id, target, self.storage_pool_id)


def copied(
    chain: tuple[Volume, ...], new_image_id: UUID, domain_id: UUID, pool_id: UUID | None
) -> Plan:
    """Gives the parts that create an image like this chain, copy its data, and check the copy."""

    def create(source: Volume) -> CreateVolume:
        parent_id = source.parent_id
        return CreateVolume(
            address=copy_of(source.address, new_image_id, domain_id),
            size_bytes=source.size_bytes,
            parent_id=None if parent_id is None else _new_id(new_image_id, parent_id),
            storage_pool_id=pool_id,
        )

    return sequence(
        sequence(create(one) for one in chain),  # a base before what lies on it
        CopyVolumes(sources=tuple(one.address for one in chain), storage_pool_id=pool_id),
        CheckCopy(storage_pool_id=pool_id),
    )


def copy_of(source: VolumeAddress, new_image_id: UUID, domain_id: UUID) -> VolumeAddress:
    """Gives where a volume's copy is in the new image."""
    return VolumeAddress(
        storage_domain_id=domain_id,
        image_id=new_image_id,
        volume_id=_new_id(new_image_id, source.volume_id),
    )


def _new_id(new_image_id: UUID, volume_id: UUID) -> UUID:
    return uuid5(new_image_id, str(volume_id))
