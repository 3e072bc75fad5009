"""What commands ask of virtual machines: calls that may be made twice, as every verb may.

A host knows a VM only from its creation until it is destroyed. What is to be booted again must be remembered:
`stop_vm` gives the domain XML that it had, and `start_vm` takes one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import UnreachableError, VdsmError
from adapters.vdsm.domain import (
    BadDomainError,
    Domain,
    Drive,
    domain_xml,
    parse_domain,
    plug_xml,
    renewed_xml,
)
from adapters.vdsm.host import Host
from adapters.vdsm.volume import VolumeAddress
from orchestrator import Refused, TryAgain

NO_SUCH_VM, VM_EXISTS, VM_IS_DOWN, UNAVAILABLE = 1, 4, 6, 40
NO_REPLICATION = 88
DOWN = "Down"
_SOON = timedelta(seconds=2)


class MachineVerbs:
    """The VMs on the hosts of one pool. All methods call VDSM and raise `Refused` or `TryAgain`.

    None waits for a guest: what takes time is asked for, and `TryAgain` says that it is not there
    yet.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def vm_status(self, vm_id: UUID) -> str | None:
        """Gives VDSM's word for the VM's state ("Up", "Down", ...); None for no such VM."""
        found = self._find(vm_id)
        return None if found is None else str(found[1]["status"])

    def vm_exists(self, vm_id: UUID) -> bool:
        """Whether a host knows the VM, running or not."""
        return self._find(vm_id) is not None

    def writer_of(self, image_id: UUID) -> UUID | None:
        """Gives the running VM, on whichever host, whose disk this is; None when nobody writes to it.

        Raises `TryAgain` when a host that may run one does not answer; one in maintenance is not asked.
        """
        for host in self._calls.pool.hosts:
            if host.is_in_maintenance and host.away_for_s():
                continue
            for vm_id, xml in self._ask(host, "Host.dumpxmls", vmList=[]).items():
                if str(image_id) in xml and _parsed(UUID(vm_id), xml).drive_of(image_id):
                    return UUID(vm_id)
        return None

    def domain(self, vm_id: UUID) -> Domain:
        """Gives a running VM with its drives; `Refused` when it is not running anywhere."""
        return self.running_on(vm_id)[1]

    def running_xml(self, vm_id: UUID) -> str | None:
        """Gives the domain XML of a running VM; None when it is down or gone."""
        found = self._find(vm_id)
        if found is None or found[1]["status"] == DOWN:
            return None
        listed = self._ask(found[0], "Host.dumpxmls", vmList=[str(vm_id)])
        return None if str(vm_id) not in listed else str(listed[str(vm_id)])

    def running_on(self, vm_id: UUID) -> tuple[Host, Domain]:
        """Gives the host that runs the VM, and the VM; `Refused` when it is not running anywhere."""
        host, xml = self._domain_xml(vm_id)
        return host, _parsed(vm_id, xml)

    def stop_vm(self, vm_id: UUID) -> None:
        """Shuts the VM down; one that is down or gone is fine."""
        found = self._find(vm_id)
        if found is None or found[1]["status"] == DOWN:
            return
        fine = (NO_SUCH_VM, VM_IS_DOWN)
        self._unless(fine, found[0], "VM.shutdown", vmID=str(vm_id), delay=0, message="")
        if self.vm_status(vm_id) not in (None, DOWN):
            raise TryAgain(f"VM {vm_id} is shutting down", after=_SOON)

    def start_vm(self, vm_id: UUID, xml: str) -> None:
        """Boots a VM from its domain XML; one that is up is fine, one that is down is forgotten first."""
        found = self._find(vm_id)
        if found is not None and found[1]["status"] != DOWN:
            return
        if found is not None:
            self._unless((NO_SUCH_VM,), found[0], "VM.destroy", vmID=str(vm_id))
        host = found[0] if found is not None else self._calls.pool.workers()[0]
        params = {"vmId": str(vm_id), "xml": xml}
        self._unless((VM_EXISTS,), host, "VM.create", vmID=str(vm_id), vmParams=params)

    def create_vm(
        self,
        vm_id: UUID,
        name: str,
        *,
        like: str | None = None,
        volumes: Iterable[VolumeAddress] = (),
    ) -> None:
        """Boots a new VM on these volumes, with the hardware of the domain XML `like` if one is given."""
        drives = tuple(Drive(volume=one) for one in volumes)
        if like is None:
            domain = Domain(vm_id=vm_id, name=name, drives=drives)
            xml = domain_xml(domain, pool_id=self._pool_id)
        else:
            xml = renewed_xml(like, vm_id=vm_id, name=name, drives=drives, pool_id=self._pool_id)
        self.start_vm(vm_id, xml)

    def destroy_vm(self, vm_id: UUID) -> None:
        """Powers the VM off and has the host forget it; one that is gone is fine."""
        found = self._find(vm_id)
        if found is not None:
            self._unless((NO_SUCH_VM,), found[0], "VM.destroy", vmID=str(vm_id))

    def freeze_vm(self, vm_id: UUID) -> None:
        """Freezes the guest's file systems; a VM that is not running has nothing to freeze."""
        self._guest("VM.freeze", vm_id)

    def thaw_vm(self, vm_id: UUID) -> None:
        """Thaws the guest's file systems; a VM that is not running has nothing to thaw."""
        self._guest("VM.thaw", vm_id)

    def check_unleased(self, vm_id: UUID, image_ids: Iterable[UUID]) -> None:
        """Raises Refused when a running VM holds a lease on the volume of one of these disks.

        Such a disk can be given no other volume while the VM runs: VDSM answers 44, "Not implemented".
        """
        if self.running_xml(vm_id) is not None:
            _, domain = self.running_on(vm_id)
            for one in image_ids:
                _check_unleased(domain, _volume(domain, one))

    def snapshot_vm(self, vm_id: UUID, overlays: Iterable[VolumeAddress]) -> None:
        """Has the VM write to these new volumes; drives that do so already are left alone."""
        host, domain = self.running_on(vm_id)
        missing = [
            {
                "domainID": str(one.storage_domain_id),
                "imageID": str(one.image_id),
                "volumeID": str(one.volume_id),
                "baseVolumeID": str(_volume(domain, one.image_id).volume_id),
            }
            for one in overlays
            if _volume(domain, one.image_id) != one
        ]
        if missing:
            self._do(host, "VM.snapshot", vmID=str(vm_id), snapDrives=missing, frozen=True)

    def merge_live(self, vm_id: UUID, top: VolumeAddress, base_id: UUID) -> None:
        """Has a running VM merge a volume into the one below; `TryAgain` until that is done.

        Done is when no job of that name runs and the storage tells that nothing lies on the base but what
        lay on the top.
        """
        host, domain = self.running_on(vm_id)
        job_id = str(uuid5(top.volume_id, str(base_id)))
        (stats,) = self._ask(host, "VM.getStats", vmID=str(vm_id))
        active = _volume(domain, top.image_id)
        _check_unleased(domain, active)
        if job_id not in stats.get("vmJobs", {}):
            if active.volume_id == base_id or not self._lies_on(top, base_id):
                return
            self._do(
                host,
                "VM.merge",
                vmID=str(vm_id),
                drive=self._named(active),
                baseVolUUID=str(base_id),
                topVolUUID=str(top.volume_id),
                bandwidth=0,
                jobUUID=job_id,
            )
        raise TryAgain(f"VM {vm_id} is merging volume {top.volume_id}", after=_SOON)

    def replicate_start(self, vm_id: UUID, image_id: UUID, destination: VolumeAddress) -> None:
        """Mirrors a drive's writes to another volume too; a mirror to that volume is fine."""
        host, domain = self.running_on(vm_id)
        drive = _on_drive(domain, image_id)
        if destination in (drive.mirror, drive.volume):
            return
        _check_unleased(domain, _volume(domain, image_id))
        self._do(
            host,
            "VM.diskReplicateStart",
            vmID=str(vm_id),
            srcDisk=self._disk(_volume(domain, image_id)),
            dstDisk=self._disk(destination),
        )

    def replicate_finish(self, vm_id: UUID, image_id: UUID, destination: VolumeAddress) -> None:
        """Pivots a drive to the volume that mirrors it; `TryAgain` until that one has all."""
        host, domain = self.running_on(vm_id)
        self._end_mirror(host, domain, image_id, destination)
        if _volume(self.running_on(vm_id)[1], image_id) != destination:
            raise Refused(f"VM {vm_id} did not take its disk {image_id} to {destination}")

    def replicate_cancel(self, vm_id: UUID, image_id: UUID) -> None:
        """Ends a drive's mirror and stays where it was; no mirror, or no running VM, is fine."""
        if self.running_xml(vm_id) is not None:
            host, domain = self.running_on(vm_id)
            self._end_mirror(host, domain, image_id, None)

    def attach_lun(self, vm_id: UUID, lun_id: str) -> None:
        """Gives the VM a LUN as a disk; attached already is fine."""
        host, domain = self.running_on(vm_id)
        if not domain.has_lun(lun_id):
            xml = plug_xml(Drive(lun_id=lun_id), pool_id=self._pool_id)
            params = {"vmId": str(vm_id), "xml": xml}
            self._do(host, "VM.hotplugDisk", vmID=str(vm_id), params=params)

    def detach_lun(self, vm_id: UUID, lun_id: str) -> None:
        """Takes a LUN from the VM; not attached, or no running VM, is fine."""
        if self.running_xml(vm_id) is None:
            return
        host, domain = self.running_on(vm_id)
        if domain.has_lun(lun_id):
            xml = plug_xml(Drive(lun_id=lun_id), pool_id=self._pool_id, unplug=True)
            params = {"vmId": str(vm_id), "xml": xml}
            self._do(host, "VM.hotunplugDisk", vmID=str(vm_id), params=params)

    @property
    def _pool_id(self) -> UUID:
        return self._calls.pool.settings.storage_pool

    def _end_mirror(
        self, host: Host, domain: Domain, image_id: UUID, wanted: VolumeAddress | None
    ) -> None:
        source = _volume(domain, image_id)
        if source == wanted:
            return
        try:
            self._do(
                host,
                "VM.diskReplicateFinish",
                vmID=str(domain.vm_id),
                srcDisk=self._disk(source),
                dstDisk=self._disk(wanted or source),
            )
        except VdsmError as error:
            if error.code == UNAVAILABLE:
                raise TryAgain(f"disk {image_id} is not in step yet", after=_SOON) from error
            if error.code not in (NO_REPLICATION, NO_SUCH_VM, VM_IS_DOWN):
                raise

    def _guest(self, method: str, vm_id: UUID) -> None:
        found = self._find(vm_id)
        if found is not None and found[1]["status"] != DOWN:
            self._unless((NO_SUCH_VM, VM_IS_DOWN), found[0], method, vmID=str(vm_id))

    def _lies_on(self, top: VolumeAddress, base_id: UUID) -> bool:
        """Whether the storage still has the top volume directly on the base, with what is above on it."""
        base = top.model_copy(update={"volume_id": base_id})
        found = self._calls.volume(top)
        if found is None or self._calls.volume(base) is None:
            return False
        above = self._calls.volume_ids(str(top.storage_domain_id), str(top.image_id)) or []
        for one in above:
            other = self._calls.volume(top.model_copy(update={"volume_id": UUID(one)}))
            if other is not None and other.parent_id == base_id and other.address != top:
                return False
        return found.parent_id == base_id

    def _find(self, vm_id: UUID) -> tuple[Host, dict[str, Any]] | None:
        """Looks for the VM on all hosts; where one cannot be asked, it may be there."""
        problem: UnreachableError | None = None
        for host in self._calls.pool.hosts:
            try:
                (found,) = self._ask(host, "VM.getStats", vmID=str(vm_id))
            except UnreachableError as error:
                problem = error
            except VdsmError as error:
                if error.code != NO_SUCH_VM:
                    raise
            else:
                return host, found
        if problem is not None:
            raise TryAgain(f"VM {vm_id} may be on a host that does not answer: {problem}")
        return None

    def _domain_xml(self, vm_id: UUID) -> tuple[Host, str]:
        found = self._find(vm_id)
        if found is not None and found[1]["status"] != DOWN:
            listed = self._ask(found[0], "Host.dumpxmls", vmList=[str(vm_id)])
            if str(vm_id) in listed:
                return found[0], str(listed[str(vm_id)])
        raise Refused(f"VM {vm_id} is not running on any host of pool {self._calls.pool.id}")

    def _named(self, address: VolumeAddress) -> dict[str, str]:
        return {
            "poolID": self._calls.pool.id,
            "domainID": str(address.storage_domain_id),
            "imageID": str(address.image_id),
            "volumeID": str(address.volume_id),
        }

    def _disk(self, address: VolumeAddress) -> dict[str, str]:
        return {"device": "disk", **self._named(address)}

    def _ask(self, host: Host, method: str, **params: Any) -> Any:
        return self._calls.on(host, method, self._calls.pool.times.poll_timeout_s, params)

    def _do(self, host: Host, method: str, **params: Any) -> Any:
        return self._calls.on(host, method, self._calls.pool.times.call_timeout_s, params)

    def _unless(self, fine: tuple[int, ...], host: Host, method: str, **params: Any) -> None:
        try:
            self._do(host, method, **params)
        except VdsmError as error:
            if error.code not in fine:
                raise


def _parsed(vm_id: UUID, xml: str) -> Domain:
    try:
        return parse_domain(xml)
    except BadDomainError as error:
        raise Refused(f"the host tells of VM {vm_id} what we cannot read: {error}") from error


def _on_drive(domain: Domain, image_id: UUID) -> Drive:
    found = domain.drive_of(image_id)
    if found is None:
        raise Refused(f"VM {domain.vm_id} has no disk {image_id}")
    return found


def _check_unleased(domain: Domain, volume: VolumeAddress) -> None:
    if domain.holds(volume):
        raise Refused(
            f"VM {domain.vm_id} runs with a lease on volume {volume}, so its disk cannot be moved to"
            " another volume; shut the VM down first"
        )


def _volume(domain: Domain, image_id: UUID) -> VolumeAddress:
    found = _on_drive(domain, image_id).volume
    assert found is not None  # it was found by its image
    return found
