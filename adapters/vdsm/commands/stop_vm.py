"""Stopping a VM."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.vdsm.adapter import Vdsm
from orchestrator import Command, Locks, exclusive


class StopVm(Command, kind="vm.stop", label="Stop VM {vm_id}", timeout=timedelta(minutes=5)):
    """Shuts a VM down; one that is down already is fine. Undone by booting it."""

    vm_id: UUID

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id)

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.stop_vm(self.vm_id)

    def compensate(self, vdsm: Vdsm) -> None:
        vdsm.start_vm(self.vm_id)
