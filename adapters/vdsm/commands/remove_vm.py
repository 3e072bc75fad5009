"""Removing a VM with its images."""

from __future__ import annotations

from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.image import RemoveImage
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.notify import NotifyOwner
from adapters.vdsm.commands.stop_vm import StopVm
from orchestrator import (
    Locks,
    Old,
    Outcome,
    Plan,
    best_effort,
    exclusive,
    parallel,
    sequence,
)


class RemoveVm(InPool, kind="vm.remove", version=2, label="Remove VM {vm_id}"):
    """Stops a VM, removes its images side by side, tells `notify` or the owner, forgets the VM."""

    vm_id: UUID
    image_ids: tuple[UUID, ...] = ()
    notify: str | None = None

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id) + exclusive("disk", *self.image_ids)

    def plan(self) -> Plan:
        text = f"VM {self.vm_id} was removed"
        images = [
            RemoveImage(image_id=one, storage_pool_id=self.storage_pool_id)
            for one in self.image_ids
        ]
        return sequence(
            StopVm(vm_id=self.vm_id, storage_pool_id=self.storage_pool_id),
            [parallel(images)] if images else [],
            best_effort(NotifyOwner(text=text, recipient=self.notify)),
        )

    def end(self, outcome: Outcome, vdsm: Vdsm) -> None:
        if outcome is Outcome.SUCCEEDED:
            vdsm.machines(self.storage_pool_id).destroy_vm(self.vm_id)


@RemoveVm.upgrade(since=1)
def _images_became_a_list(old: Old) -> Old:
    image_id = old.pop("image_id", None)
    return {**old, "image_ids": [] if image_id is None else [image_id]}
