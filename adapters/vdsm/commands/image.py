"""Removing an image with all its volumes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from orchestrator import AsyncTask, Locks, Retry, exclusive


class RemoveImage(
    InPool,
    kind="image.remove",
    label="Remove image {image_id}",
    timeout=timedelta(hours=1),
    retry=Retry(attempts=3),
):
    """Removes an image; one that is gone is fine, so it is tried again. `post_zero` overwrites its data first."""

    image_id: UUID
    storage_domain_id: UUID | None = None
    post_zero: bool = False

    def locks(self) -> Locks:
        return exclusive("disk", self.image_id)

    def execute(self, vdsm: Vdsm) -> AsyncTask[None]:
        return vdsm.storage(self.storage_pool_id).delete_image(
            self.image_id, storage_domain_id=self.storage_domain_id, post_zero=self.post_zero
        )
