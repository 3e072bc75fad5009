"""Stopping a VM, so that it can be booted again as it was."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.commands.in_pool import InPool
from orchestrator import Locks, Plan, exclusive, sequence


class KnownVm(BaseModel):
    """A VM and the domain XML that it ran with; None when it was not running. No host keeps that."""

    model_config = ConfigDict(frozen=True)

    vm_id: UUID
    xml: str | None


class RememberVm(
    InPool, kind="vm.remember", label="Note how VM {vm_id} runs", timeout=timedelta(minutes=5)
):
    """Finds the domain XML of a VM while it still runs."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> KnownVm:
        xml = vdsm.machines(self.storage_pool_id).running_xml(self.vm_id)
        return KnownVm(vm_id=self.vm_id, xml=xml)


class ShutDownVm(
    InPool, kind="vm.shut_down", label="Shut down VM {vm_id}", timeout=timedelta(minutes=5)
):
    """Shuts a VM down; one that is down already is fine. Undone by booting it as it was."""

    vm_id: UUID

    def execute(self, vdsm: Vdsm) -> None:
        vdsm.machines(self.storage_pool_id).stop_vm(self.vm_id)

    def compensate(self, vdsm: Vdsm, known: KnownVm) -> None:
        if known.xml is not None:
            vdsm.machines(self.storage_pool_id).start_vm(self.vm_id, known.xml)


class StopVm(InPool, kind="vm.stop", label="Stop VM {vm_id}"):
    """Shuts a VM down; one that is down already is fine. Undone by booting it as it was."""

    vm_id: UUID

    def locks(self) -> Locks:
        return exclusive("vm", self.vm_id)

    def plan(self) -> Plan:
        pool = self.storage_pool_id
        return sequence(
            RememberVm(vm_id=self.vm_id, storage_pool_id=pool),
            ShutDownVm(vm_id=self.vm_id, storage_pool_id=pool),
        )

    def end(self, known: KnownVm | None) -> KnownVm:
        return known or KnownVm(vm_id=self.vm_id, xml=None)
