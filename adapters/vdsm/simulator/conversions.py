"""Conversions of foreign VMs (v2v): jobs of their own kind, seen in the host's statistics, kept in memory only.

A foreign VM is a directory of disks, `external/<name>/*.img`, in the simulator's directory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import copy_bytes
from adapters.vdsm.simulator.host import Host, Params, Verb, done
from adapters.vdsm.simulator.refusal import AbortedError, RefusalError
from adapters.vdsm.simulator.work import Effort

CONVERT = "Host.convertExternalVm"
STARTING, COPYING, DONE, FAILED, ABORTED = "starting", "copying_disk", "done", "error", "aborted"
_UNDER_WAY = (STARTING, COPYING)


@dataclass(slots=True, kw_only=True)
class Conversion:
    """One conversion as the host's statistics show it."""

    name: str
    effort: Effort
    status: str = STARTING
    description: str = "Initializing"
    progress: int = 0

    def shown(self) -> dict[str, Any]:
        """Gives its public form; progress is that of the present disk, in percent."""
        return {
            "status": self.status,
            "description": self.description,
            "progress": self.progress,
        }


class Conversions:
    """All conversions since the host started."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._jobs: dict[str, Conversion] = {}

    def shown(self) -> dict[str, Any]:
        """Gives all of them, by id."""
        with self._lock:
            return {key: one.shown() for key, one in self._jobs.items()}

    def start(self, params: Params) -> None:
        """Begins one under the caller's id; 69 when that is taken."""
        host, info = self._host, params["vminfo"]
        effort = Effort(host.faults, CONVERT, params, bytes_per_s=host.bytes_per_s)
        job = Conversion(name=str(info["vmName"]), effort=effort)
        with self._lock:
            if params["jobid"] in self._jobs:
                raise RefusalError(69, "Job id already exists")
            self._jobs[params["jobid"]] = job
        threading.Thread(target=self._run, args=(job, info), daemon=True).start()

    def abort(self, job_id: str) -> None:
        """Ends one that is under way; 66 for none, 84 for one that has ended."""
        job = self._get(job_id)
        if job.status not in _UNDER_WAY:
            raise RefusalError(84, "Job is not active")
        job.effort.aborted.set()

    def delete(self, job_id: str) -> None:
        """Forgets one that has ended; 68 for one that has not."""
        if self._get(job_id).status in _UNDER_WAY:
            raise RefusalError(68, "Job status is not done")
        with self._lock:
            self._jobs.pop(job_id, None)

    def ovf(self, job_id: str) -> str:
        """Gives the description of a VM that was converted; 68 for one that was not."""
        job = self._get(job_id)
        if job.status != DONE:
            raise RefusalError(68, "Job status is not done")
        return f"<Envelope><Content><Name>{job.name}</Name></Content></Envelope>"

    def _get(self, job_id: str) -> Conversion:
        with self._lock:
            if job_id not in self._jobs:
                raise RefusalError(66, "Job Id does not exists")
            return self._jobs[job_id]

    def _run(self, job: Conversion, info: dict[str, Any]) -> None:
        try:
            self._convert(job, info)
        except AbortedError:
            job.status, job.description = ABORTED, "Aborted"
        except Exception as error:  # whatever virt-v2v dies of is this status
            job.status, job.description = FAILED, str(error)
        else:
            job.status, job.description, job.progress = DONE, "Completed", 100

    def _convert(self, job: Conversion, info: dict[str, Any]) -> None:
        sources = sorted((self._host.directory / "external" / job.name).glob("*.img"))
        disks = info["disks"]
        if len(sources) != len(disks):
            raise ValueError(f"VM {job.name} has {len(sources)} disks there, {len(disks)} here")
        pace = job.effort.begin()
        for number, (source, disk) in enumerate(zip(sources, disks, strict=True), start=1):
            job.status = COPYING
            job.description = f"Copying disk {number}/{len(disks)}"
            place = str(info["domainID"]), str(disk["imageID"]), str(disk["volumeID"])
            self._host.storage.metadata(*place)
            with source.open("rb") as reader, self._host.storage.path(*place).open("r+b") as writer:
                copy_bytes(reader, writer, pace, _progress(job, source))


def _progress(job: Conversion, source: Path) -> Callable[[int], None]:
    total = source.stat().st_size

    def tell(so_far: int) -> None:
        job.effort.advance(so_far, total)
        job.progress = int(job.effort.progress or 0)

    return tell


def conversion_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on conversions."""
    conversions = Conversions(host)
    return {
        CONVERT: done(conversions.start),
        "Host.getConvertedVm": lambda params: conversions.ovf(params["jobid"]),
        "Host.abortV2VJob": done(lambda params: conversions.abort(params["jobid"])),
        "Host.deleteV2VJob": done(lambda params: conversions.delete(params["jobid"])),
        "Host.getStats": lambda params: {
            "v2vJobs": conversions.shown(),
            "vmCount": len(host.machines.all()),
        },
    }
