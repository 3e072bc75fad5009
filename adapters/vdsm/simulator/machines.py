"""Virtual machines as JSON files.

A real host knows a machine only while it runs or until it is destroyed, and its definition is in
the engine's inventory. Here the host also keeps the definitions of stopped ones, so that no
inventory is needed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import Storage

Drive = dict[str, Any]


class Machines:
    """The VMs under `directory`/vms."""

    def __init__(self, directory: Path, storage: Storage) -> None:
        self._directory = directory / "vms"
        self._storage = storage
        self._lock = threading.RLock()
        self._directory.mkdir(parents=True, exist_ok=True)

    def get(self, vm_id: str) -> dict[str, Any]:
        """Gives a VM's definition and state; 1 when there is none."""
        found = read_json(self._file(vm_id))
        if not found:
            raise RefusalError(1, f"Virtual machine does not exist: {{'vmId': '{vm_id}'}}")
        return found

    def all(self) -> list[dict[str, Any]]:
        """Gives every VM, those that are down too."""
        return [read_json(path) for path in sorted(self._directory.glob("*.json"))]

    def create(self, vm_id: str, params: dict[str, Any]) -> dict[str, Any]:
        """Boots a VM, a new one or one that is down; 4 when it is up."""
        with self._lock:
            found = read_json(self._file(vm_id))
            if found.get("status") == "Up":
                raise RefusalError(4, "Virtual machine already exists")
            drives = found.get("drives", params.get("drives", []))
            vm = {
                "vmName": vm_id,
                **found,
                **params,
                "vmId": vm_id,
                "drives": drives,
                "status": "Up",
            }
            write_json(self._file(vm_id), vm)
            return vm

    def stop(self, vm_id: str) -> None:
        """Shuts a VM down; 6 when it is down already."""
        with self._lock:
            vm = self._running(vm_id)
            write_json(self._file(vm_id), {**vm, "status": "Down", "frozen": False})

    def destroy(self, vm_id: str) -> None:
        """Stops a VM at once and forgets it."""
        with self._lock:
            self.get(vm_id)
            self._file(vm_id).unlink(missing_ok=True)

    def freeze(self, vm_id: str, *, frozen: bool) -> None:
        """Freezes or thaws the guest's file systems; 6 when the VM is down."""
        with self._lock:
            write_json(self._file(vm_id), {**self._running(vm_id), "frozen": frozen})

    def snapshot(self, vm_id: str, drives: list[Drive]) -> None:
        """Moves the VM's drives to the new volumes; 48 when a drive or a volume is not there."""
        with self._lock:
            vm = self.get(vm_id)
            for one in drives:
                drive = self._drive(vm, one["imageID"], code=48, text="Snapshot failed")
                known = self._storage.volumes(drive["domainID"], one["imageID"])
                if one["volumeID"] not in known:
                    raise RefusalError(48, "Snapshot failed")
                drive["volumeID"] = one["volumeID"]
            write_json(self._file(vm_id), vm)

    def merge(self, vm_id: str, image_id: str, base_id: str, top_id: str) -> None:
        """Folds the drive's newest volume back into its base, at once; 52 when it is not so."""
        with self._lock:
            vm = self.get(vm_id)
            drive = self._drive(vm, image_id, code=52, text="Merge failed")
            if drive["volumeID"] != top_id:
                raise RefusalError(52, "Merge failed")
            data = self._storage.path(drive["domainID"], image_id, top_id).read_bytes()
            with self._storage.path(drive["domainID"], image_id, base_id).open("r+b") as base:
                base.write(data)
            drive["volumeID"] = base_id
            write_json(self._file(vm_id), vm)

    def repoint(self, image_id: str, top_id: str, base_id: str) -> None:
        """Moves whichever drive stood on a merged volume to its base."""
        with self._lock:
            for vm in self.all():
                for drive in vm["drives"]:
                    if drive.get("imageID") == image_id and drive.get("volumeID") == top_id:
                        drive["volumeID"] = base_id
                        write_json(self._file(vm["vmId"]), vm)

    def replicate_start(self, vm_id: str, source: Drive, destination: Drive) -> None:
        """Begins to mirror a drive's writes; 55 when it is mirrored already."""
        with self._lock:
            vm = self._running(vm_id)
            drive = self._drive(vm, source["imageID"], code=55, text="Drive replication error")
            if "diskReplicate" in drive:
                raise RefusalError(55, "Drive replication error")
            drive["diskReplicate"] = destination
            write_json(self._file(vm_id), vm)

    def replicate_finish(self, vm_id: str, source: Drive, destination: Drive) -> None:
        """Ends the mirror: on the destination, or on the source when both are the same.

        88 when there is no mirror, 40 when the destination does not hold the data yet.
        """
        with self._lock:
            vm = self._running(vm_id)
            drive = self._drive(vm, source["imageID"], code=55, text="Drive replication error")
            if "diskReplicate" not in drive:
                raise RefusalError(88, "Replication not in progress.: {}")
            mirror = drive["diskReplicate"]
            if destination["domainID"] != source["domainID"]:
                place = mirror["domainID"], mirror["imageID"]
                volumes = self._storage.volumes(*place)
                states = {self._storage.metadata(*place, one)["legality"] for one in volumes}
                if mirror["volumeID"] not in volumes or states != {"LEGAL"}:
                    raise RefusalError(40, "Resource unavailable")
                data = self._storage.path(*_place(drive)).read_bytes()
                self._storage.path(*_place(mirror)).write_bytes(data)
                drive.update(mirror)
            del drive["diskReplicate"]
            write_json(self._file(vm_id), vm)

    def plug(self, vm_id: str, drive: Drive) -> None:
        """Attaches a drive; 45 when it is attached already."""
        with self._lock:
            vm = self.get(vm_id)
            if any(_is_same(one, drive) for one in vm["drives"]):
                raise RefusalError(45, "Failed to hotplug disk")
            write_json(self._file(vm_id), {**vm, "drives": [*vm["drives"], drive]})

    def unplug(self, vm_id: str, drive: Drive) -> None:
        """Detaches a drive; 46 when it is not attached."""
        with self._lock:
            vm = self.get(vm_id)
            left = [one for one in vm["drives"] if not _is_same(one, drive)]
            if len(left) == len(vm["drives"]):
                raise RefusalError(46, "Failed to hotunplug disk")
            write_json(self._file(vm_id), {**vm, "drives": left})

    def _running(self, vm_id: str) -> dict[str, Any]:
        vm = self.get(vm_id)
        if vm["status"] != "Up":
            raise RefusalError(6, "Virtual machine is down")
        return vm

    @staticmethod
    def _drive(vm: dict[str, Any], image_id: str, *, code: int, text: str) -> Drive:
        for drive in vm["drives"]:
            if drive.get("imageID") == image_id:
                found: Drive = drive
                return found
        raise RefusalError(code, text)

    def _file(self, vm_id: str) -> Path:
        return self._directory / f"{vm_id}.json"


def _place(drive: Drive) -> tuple[str, str, str]:
    return drive["domainID"], drive["imageID"], drive["volumeID"]


def _is_same(one: Drive, other: Drive) -> bool:
    names = ("imageID",) if "imageID" in other else ("GUID",)
    return all(one.get(name) == other.get(name) for name in names)
