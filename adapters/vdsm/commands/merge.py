"""Merging the volumes of an image while nobody writes to it: prepare, merge, finish, delete."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.volume import DeleteVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import AsyncTask, Locks, Plan, Refused, exclusive, sequence


class CheckChain(
    InPool,
    kind="image.check",
    label="Check the volumes of image {image_id}",
    timeout=timedelta(minutes=5),
):
    """Checks that no volume of an image is half written."""

    image_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        for one in vdsm.storage(self.storage_pool_id).chain(self.image_id):
            if not one.is_legal:
                raise Refused(f"volume {one.address} is illegal: a write to it was never finished")


class PrepareMerge(
    InPool,
    kind="volume.prepare_merge",
    label="Prepare volume {base} for a merge",
    timeout=timedelta(minutes=30),
):
    """Makes a volume large enough and marks it as being written to. Undone by taking the mark away.

    That is safe at any time: what a broken merge wrote into the base is what the overlay says anyway.
    """

    base: VolumeAddress
    top_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.storage(self.storage_pool_id).prepare_merge(self.top_id, self.base)

    def compensate(self, vdsm: Vdsm) -> AsyncTask[None] | None:
        storage = vdsm.storage(self.storage_pool_id)
        base = storage.find_volume(self.base)
        return None if base is None or base.is_legal else storage.make_legal(base)


class MergeVolume(
    InPool, kind="volume.merge", label="Merge volume {overlay}", timeout=timedelta(hours=12)
):
    """Merges a volume into the one below it, which has been prepared."""

    overlay: VolumeAddress
    base_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        storage = vdsm.storage(self.storage_pool_id)
        base = self.overlay.model_copy(update={"volume_id": self.base_id})
        return storage.merge_volume(self.overlay.volume_id, storage.volume(base))


class FinalizeMerge(
    InPool,
    kind="volume.finalize_merge",
    label="Finish the merge into volume {base}",
    timeout=timedelta(minutes=30),
):
    """Puts what lay on the merged volume onto its base, and marks that one as whole."""

    base: VolumeAddress
    top_id: UUID

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.storage(self.storage_pool_id).finalize_merge(self.top_id, self.base)


class MergeDown(InPool, kind="volume.merge_down", label="Fold volume {overlay} into its base"):
    """Merges a volume into the one below it and deletes it; the VM must be down."""

    overlay: VolumeAddress
    base_id: UUID

    def plan(self) -> Plan:
        base = self.overlay.model_copy(update={"volume_id": self.base_id})
        pool, top_id = self.storage_pool_id, self.overlay.volume_id
        return sequence(
            PrepareMerge(base=base, top_id=top_id, storage_pool_id=pool),
            MergeVolume(overlay=self.overlay, base_id=self.base_id, storage_pool_id=pool),
            FinalizeMerge(base=base, top_id=top_id, storage_pool_id=pool),
            DeleteVolume(address=self.overlay, storage_pool_id=pool),
        )


class CoalesceImage(InPool, kind="image.coalesce", label="Coalesce image {image_id}"):
    """Merges an image's chain of volumes into one, newest first; a chain of one is only checked."""

    image_id: UUID

    def locks(self) -> Locks:
        return exclusive("disk", self.image_id)

    def plan(self, vdsm: Vdsm) -> Plan:
        chain = vdsm.storage(self.storage_pool_id).chain(self.image_id)
        return sequence(
            CheckChain(image_id=self.image_id, storage_pool_id=self.storage_pool_id),
            *(
                MergeDown(
                    overlay=one.address,
                    base_id=one.parent_id,
                    storage_pool_id=self.storage_pool_id,
                )
                for one in reversed(chain)
                if one.parent_id is not None
            ),
        )
