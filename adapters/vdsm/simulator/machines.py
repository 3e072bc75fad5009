"""The VMs of one host, as JSON files with their libvirt domain XML.

A host knows a VM from its creation until it is destroyed; what was stopped is shown as down, with its
drives, and is no more there after that.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.vdsm.domain import (
    BadDomainError,
    Domain,
    Drive,
    domain_xml,
    moved_domain,
    parse_disks,
    parse_domain,
)
from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import Place, Storage
from adapters.vdsm.volume import VolumeAddress


@dataclass(slots=True, kw_only=True)
class BlockJob:
    """A live merge that goes on inside a VM."""

    id: str
    image_id: str
    began: float
    lasts_s: float
    size: int

    def shown(self) -> dict[str, Any]:
        """Gives the job as a VM's statistics show it."""
        share = 1.0 if not self.lasts_s else (time.monotonic() - self.began) / self.lasts_s
        return {
            "id": self.id,
            "jobType": "block",
            "blockJobType": "commit",
            "bandwidth": 0,
            "cur": str(int(min(share, 1.0) * self.size)),
            "end": str(self.size),
            "imgUUID": self.image_id,
        }


class Machines:
    """The VMs under `directory`/vms that are on this host."""

    def __init__(
        self,
        directory: Path,
        storage: Storage,
        host_id: int,
        *,
        bytes_per_s: float | None = None,
    ) -> None:
        self._directory = directory / "vms"
        self._storage = storage
        self._host_id = host_id
        self._bytes_per_s = bytes_per_s
        self._lock = threading.RLock()
        self._block_jobs: dict[str, dict[str, BlockJob]] = {}
        self._directory.mkdir(parents=True, exist_ok=True)

    def get(self, vm_id: str) -> dict[str, Any]:
        """Gives a VM as it is stored; 1 when there is none here."""
        found = read_json(self._file(vm_id))
        if not found or found["host_id"] != self._host_id:
            raise RefusalError(1, f"Virtual machine does not exist: {{'vmId': '{vm_id}'}}")
        return found

    def all(self) -> list[dict[str, Any]]:
        """Gives every VM of this host, those that are down too."""
        found = [read_json(path) for path in sorted(self._directory.glob("*.json"))]
        return [one for one in found if one.get("host_id") == self._host_id]

    def block_jobs(self, vm_id: str) -> dict[str, Any]:
        """Gives the live merges under way in a VM."""
        with self._lock:
            return {key: one.shown() for key, one in self._block_jobs.get(vm_id, {}).items()}

    def create(self, vm_id: str, xml: str) -> dict[str, Any]:
        """Boots a new VM; 4 when there is one of that id, down or not; 100 for XML that is none."""
        try:
            domain = parse_domain(xml)
        except BadDomainError as error:
            raise RefusalError(100, f"General Exception: ({str(error)!r},)") from error
        with self._lock:
            if self._file(vm_id).exists():
                raise RefusalError(4, f"Virtual machine already exists: {{'vmId': '{vm_id}'}}")
            vm = {
                "vmId": vm_id,
                "vmName": domain.name,
                "status": "Up",
                "host_id": self._host_id,
                "xml": xml,
                "frozen": False,
            }
            write_json(self._file(vm_id), vm)
            return vm

    def running(self, vm_id: str) -> dict[str, Any]:
        """Gives a VM that runs; 1 when there is none."""
        return self._running(vm_id, code=1)

    def note(self, vm_id: str, **changes: Any) -> None:
        """Changes what is stored of a running VM."""
        with self._lock:
            write_json(self._file(vm_id), {**self.running(vm_id), **changes})

    def shut_down(self, vm_id: str) -> None:
        """Shuts a VM down; 1 when it is down already."""
        with self._lock:
            vm = self._running(vm_id, code=1)
            self._block_jobs.pop(vm_id, None)
            write_json(self._file(vm_id), {**vm, "status": "Down", "frozen": False, "backup": None})

    def destroy(self, vm_id: str) -> None:
        """Stops a VM at once and forgets it."""
        with self._lock:
            self.get(vm_id)
            self._block_jobs.pop(vm_id, None)
            self._file(vm_id).unlink(missing_ok=True)

    def freeze(self, vm_id: str, *, frozen: bool) -> None:
        """Freezes or thaws the guest's file systems; 1 when the VM is down."""
        with self._lock:
            write_json(self._file(vm_id), {**self._running(vm_id, code=1), "frozen": frozen})

    def is_leased(self, volume_id: str) -> bool:
        """Whether a VM that runs, on whichever host, holds a lease on the volume."""
        stored = [read_json(path) for path in self._directory.glob("*.json")]
        return any(
            lease.key == volume_id
            for one in stored
            if one.get("status") == "Up" and "<lease>" in one["xml"]
            for lease in parse_domain(one["xml"]).leases
        )

    def snapshot(self, vm_id: str, drives: list[dict[str, Any]]) -> None:
        """Moves the VM's drives to the new volumes; 48 when a drive or a volume is not there."""

        def take(domain: Domain) -> Domain:
            for one in drives:
                drive = _drive(domain, one["imageID"], code=48, text="Snapshot failed")
                _check_unleased(domain, drive)
                place = _place(drive)
                known = self._storage.volumes(*place[:2])
                if one["volumeID"] not in known or one["baseVolumeID"] != place[2]:
                    raise RefusalError(48, "Snapshot failed")
                domain = _moved(domain, (place[0], place[1], one["volumeID"]))
            return domain

        self._change(vm_id, take, code=1)

    def merge(self, vm_id: str, drive: dict[str, Any], base: str, top: str, job_id: str) -> None:
        """Begins to fold a volume into the one below; the VM's statistics show it as long as it goes.

        52 when the drive's chain is not so.
        """
        with self._lock:
            vm = self._running(vm_id, code=1)
            domain_now = parse_domain(vm["xml"])
            found = _drive(domain_now, drive["imageID"], code=52, text="Merge failed")
            _check_unleased(domain_now, found)
            domain, image, active = _place(found)
            known = self._storage.volumes(domain, image)
            if top not in known or base not in known:
                raise RefusalError(52, "Merge failed")
            if self._storage.metadata(domain, image, top)["parent"] != base:
                raise RefusalError(52, "Merge failed")
            size = self._storage.path(domain, image, top).stat().st_size
            lasts_s = size / self._bytes_per_s if self._bytes_per_s else 0.0
            job = BlockJob(
                id=job_id, image_id=image, began=time.monotonic(), lasts_s=lasts_s, size=size
            )
            self._block_jobs.setdefault(vm_id, {})[job_id] = job
        places = (domain, image, base), (domain, image, top)
        timer = threading.Timer(
            lasts_s, self._end_merge, args=(vm_id, job_id, *places, active == top)
        )
        timer.daemon = True
        timer.start()

    def _end_merge(
        self, vm_id: str, job_id: str, base: Place, top: Place, was_active: bool
    ) -> None:
        with self._lock:
            if self._block_jobs.get(vm_id, {}).pop(job_id, None) is None:
                return  # the VM is gone, and its merge with it
            data = self._storage.path(*top).read_bytes()
            with self._storage.path(*base).open("r+b") as below:
                below.write(data)
            for child in self._storage.children(*top):
                self._storage.update(*top[:2], child, parent=base[2])
            if was_active:
                self._change(vm_id, lambda domain: _moved(domain, base), code=1)

    def replicate_start(
        self, vm_id: str, source: dict[str, Any], destination: dict[str, Any]
    ) -> None:
        """Begins to mirror a drive's writes; 55 when it is mirrored already."""

        def begin(domain: Domain) -> Domain:
            drive = _drive(domain, source["imageID"], code=55, text="Drive replication error")
            if drive.mirror is not None:
                raise RefusalError(55, "Drive replication error")
            _check_unleased(domain, drive)
            mirrored = replace(drive, mirror=_address(destination))
            return replace(
                domain,
                drives=tuple(mirrored if one is drive else one for one in domain.drives),
            )

        self._change(vm_id, begin, code=1)

    def replicate_finish(
        self, vm_id: str, source: dict[str, Any], destination: dict[str, Any]
    ) -> None:
        """Ends the mirror: on the destination, or on the source when both are the same.

        88 when there is no mirror, 40 when the destination does not hold the data yet.
        """

        def end(domain: Domain) -> Domain:
            drive = _drive(domain, source["imageID"], code=55, text="Drive replication error")
            if drive.mirror is None:
                raise RefusalError(88, "Replication not in progress.: {}")
            if destination["domainID"] == source["domainID"]:
                return _moved(domain, _place(drive))
            target = _place_of(drive.mirror)
            self._check_whole(target)
            shutil.copyfile(self._storage.path(*_place(drive)), self._storage.path(*target))
            return _moved(domain, target)

        self._change(vm_id, end, code=1)

    def _check_whole(self, place: Place) -> None:
        volumes = self._storage.volumes(*place[:2])
        legalities = {self._storage.metadata(*place[:2], one)["legality"] for one in volumes}
        if place[2] not in volumes or legalities != {"LEGAL"}:
            raise RefusalError(40, "Resource unavailable")

    def plug(self, vm_id: str, xml: str) -> None:
        """Attaches the drives in the XML; 45 when one is attached already."""

        def plug(domain: Domain) -> Domain:
            new = parse_disks(xml)
            if not new or any(one in domain.drives for one in new):
                raise RefusalError(45, "Failed to hotplug disk")
            return replace(domain, drives=(*domain.drives, *new))

        self._change(vm_id, plug, code=1)

    def unplug(self, vm_id: str, xml: str) -> None:
        """Detaches the drives in the XML; 46 when one is not attached."""

        def unplug(domain: Domain) -> Domain:
            old = parse_disks(xml)
            if not old or any(one not in domain.drives for one in old):
                raise RefusalError(46, "Failed to hotunplug disk")
            return replace(domain, drives=tuple(one for one in domain.drives if one not in old))

        self._change(vm_id, unplug, code=1)

    def _change(self, vm_id: str, change: Callable[[Domain], Domain], *, code: int) -> None:
        with self._lock:
            vm = self._running(vm_id, code=code)
            changed = change(parse_domain(vm["xml"]))
            xml = domain_xml(changed, pool_id=UUID(int=0))
            write_json(self._file(vm_id), {**vm, "xml": xml})

    def _running(self, vm_id: str, *, code: int) -> dict[str, Any]:
        vm = self.get(vm_id)
        if vm["status"] != "Up":
            raise RefusalError(code, f"Virtual machine does not exist: {{'vmId': '{vm_id}'}}")
        return vm

    def _file(self, vm_id: str) -> Path:
        return self._directory / f"{vm_id}.json"


def _drive(domain: Domain, image_id: str, *, code: int, text: str) -> Drive:
    found = domain.drive_of(UUID(image_id))
    if found is None:
        raise RefusalError(code, text)
    return found


def _check_unleased(domain: Domain, drive: Drive) -> None:
    if drive.volume is not None and domain.holds(drive.volume):
        raise RefusalError(44, "Not implemented")


def _place(drive: Drive) -> Place:
    assert drive.volume is not None
    return _place_of(drive.volume)


def _place_of(address: VolumeAddress) -> Place:
    return str(address.storage_domain_id), str(address.image_id), str(address.volume_id)


def _moved(domain: Domain, place: Place) -> Domain:
    address = _address({"domainID": place[0], "imageID": place[1], "volumeID": place[2]})
    return moved_domain(domain, address.image_id, address)


def _address(names: dict[str, Any]) -> VolumeAddress:
    return VolumeAddress(
        storage_domain_id=UUID(names["domainID"]),
        image_id=UUID(names["imageID"]),
        volume_id=UUID(names["volumeID"]),
    )
