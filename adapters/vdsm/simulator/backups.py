"""Backups: a VM's disks as they were when the backup began, for whoever reads its exports.

There is no NBD server here: the export `sda` of a backup is the file `backups/<backup id>/sda` in the simulator's
directory. As libvirt's, a backup goes on while VDSM is away, and ends with the VM.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.vdsm.domain import parse_domain, target_name
from adapters.vdsm.simulator.host import Host, Params, Verb, done
from adapters.vdsm.simulator.refusal import RefusalError

BACKUP_ERROR, NO_SUCH_BACKUP = 1600, 1601
_URL = "nbd:unix:/run/vdsm/backup/{backup_id}:exportname={name}"


def backup_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on backups."""
    return {
        "VM.start_backup": lambda params: _start(host, params),
        "VM.stop_backup": done(lambda params: _stop(host, params)),
        "VM.backup_info": lambda params: _info(host, params),
    }


def _start(host: Host, params: Params) -> dict[str, Any]:
    config, vm_id = params["config"], params["vmID"]
    if not config.get("disks"):
        raise _error("Cannot start a backup without disks")
    vm = host.machines.running(vm_id)
    if vm.get("backup"):
        raise _error("Error starting backup: another backup job is active")
    drives = parse_domain(vm["xml"]).drives
    exports: dict[str, str] = {}
    directory = _directory(host, config["backup_id"])
    for disk in config["disks"]:
        wanted = tuple(UUID(disk[name]) for name in ("domainID", "imageID", "volumeID"))
        known = [
            one.volume and (one.volume.storage_domain_id, one.volume.image_id, one.volume.volume_id)
            for one in drives
        ]
        if wanted not in known:
            raise _error(f"Failed to find one of the backup disks: {disk['imageID']}")
        if not Path(disk["scratch_disk"]["path"]).exists():
            raise _error(f"Error starting backup: no scratch disk {disk['scratch_disk']['path']}")
        name = target_name(known.index(wanted))
        exports[disk["imageID"]] = name
        directory.mkdir(parents=True, exist_ok=True)
        place = disk["domainID"], disk["imageID"], disk["volumeID"]
        shutil.copyfile(host.storage.path(*place), directory / name)
    host.machines.note(vm_id, backup={"id": config["backup_id"], "exports": exports})
    return _shown(config["backup_id"], exports)


def _stop(host: Host, params: Params) -> None:
    vm = host.machines.running(params["vmID"])
    backup = vm.get("backup")
    if backup:  # one that is over is fine
        host.machines.note(params["vmID"], backup=None)
        shutil.rmtree(_directory(host, backup["id"]), ignore_errors=True)


def _info(host: Host, params: Params) -> dict[str, Any]:
    backup = host.machines.running(params["vmID"]).get("backup")
    if not backup:
        told = {
            "reason": "VM backup not exists",
            "vm_id": params["vmID"],
            "backup_id": params["backup_id"],
        }
        raise RefusalError(NO_SUCH_BACKUP, f"No such backup Error: {told}")
    return _shown(backup["id"], backup["exports"])  # libvirt knows one, whatever id is asked for


def _shown(backup_id: str, exports: dict[str, str]) -> dict[str, Any]:
    urls = {image: _URL.format(backup_id=backup_id, name=name) for image, name in exports.items()}
    return {"disks": urls}


def _directory(host: Host, backup_id: str) -> Path:
    return host.directory / "backups" / str(UUID(backup_id))


def _error(reason: str) -> RefusalError:
    return RefusalError(BACKUP_ERROR, f"Backup Error: {{'reason': {reason!r}}}")
