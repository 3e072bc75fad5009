"""Folding a volume that a running VM lies on into the one below, which is how live snapshots go."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from adapters.vdsm.commands.volume import DeleteVolume
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Plan, sequence


class FoldOverlay(
    InPool,
    kind="vm.snapshot.fold",
    label="Fold volume {overlay} into its base",
    timeout=timedelta(hours=12),
):
    """Has a running VM merge a volume into the one below."""

    vm_id: UUID
    overlay: VolumeAddress
    base_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        machines = vdsm.machines(self.storage_pool_id)
        machines.merge_live(self.vm_id, self.overlay, self.base_id)


def folded(vm_id: UUID, overlay: VolumeAddress, base_id: UUID, pool_id: UUID | None) -> Plan:
    """Gives the parts that fold an overlay of a running VM into its base and delete it."""
    return sequence(
        FoldOverlay(vm_id=vm_id, overlay=overlay, base_id=base_id, storage_pool_id=pool_id),
        DeleteVolume(address=overlay, storage_pool_id=pool_id),
    )
