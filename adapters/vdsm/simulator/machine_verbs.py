"""The verbs on virtual machines."""

from __future__ import annotations

import time
from typing import Any

from adapters.vdsm.simulator.host import Host, Params, Verb, done
from adapters.vdsm.simulator.refusal import RefusalError


def machine_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on VMs."""
    machines = host.machines

    def stats(vm: dict[str, Any]) -> dict[str, Any]:
        return {**_brief(vm), "vmJobs": machines.block_jobs(vm["vmId"]), "elapsedTime": "0"}

    return {
        "VM.create": lambda params: _create(host, params),
        "VM.shutdown": done(lambda params: machines.shut_down(params["vmID"])),
        "VM.destroy": done(lambda params: machines.destroy(params["vmID"])),
        "VM.freeze": done(lambda params: machines.freeze(params["vmID"], frozen=True)),
        "VM.thaw": done(lambda params: machines.freeze(params["vmID"], frozen=False)),
        "VM.getInfo": lambda params: _brief(machines.get(params["vmID"])),
        "VM.getStats": lambda params: [stats(machines.get(params["vmID"]))],
        "Host.getAllVmStats": lambda params: [stats(vm) for vm in machines.all()],
        "Host.getVMList": lambda params: [vm["vmId"] for vm in _wanted(host, params)],
        "Host.getVMFullList": lambda params: [_brief(vm) for vm in _wanted(host, params)],
        "Host.dumpxmls": lambda params: {
            vm["vmId"]: vm["xml"] for vm in _wanted(host, params) if vm["status"] == "Up"
        },
        **_disk_verbs(host),
    }


def _disk_verbs(host: Host) -> dict[str, Verb]:
    machines = host.machines
    return {
        "VM.snapshot": done(lambda params: machines.snapshot(params["vmID"], params["snapDrives"])),
        "VM.merge": done(
            lambda params: machines.merge(
                params["vmID"],
                params["drive"],
                params["baseVolUUID"],
                params["topVolUUID"],
                params.get("jobUUID") or params["topVolUUID"],
            )
        ),
        "VM.diskReplicateStart": done(
            lambda params: machines.replicate_start(
                params["vmID"], params["srcDisk"], params["dstDisk"]
            )
        ),
        "VM.diskReplicateFinish": done(
            lambda params: machines.replicate_finish(
                params["vmID"], params["srcDisk"], params["dstDisk"]
            )
        ),
        "VM.hotplugDisk": done(
            lambda params: machines.plug(params["vmID"], _xml(params["params"]))
        ),
        "VM.hotunplugDisk": done(
            lambda params: machines.unplug(params["vmID"], _xml(params["params"]))
        ),
    }


def _create(host: Host, params: Params) -> dict[str, Any]:
    return _brief(host.machines.create(params["vmID"], _xml(params["vmParams"])))


def _xml(params: dict[str, Any]) -> str:
    if "xml" not in params:
        raise RefusalError(100, "General Exception: (\"'xml'\",)")
    return str(params["xml"])


def _wanted(host: Host, params: Params) -> list[dict[str, Any]]:
    ids = params.get("vmList") or ()
    return [vm for vm in host.machines.all() if not ids or vm["vmId"] in ids]


def _brief(vm: dict[str, Any]) -> dict[str, Any]:
    return {
        "vmId": vm["vmId"],
        "status": vm["status"],
        "statusTime": str(int(time.monotonic() * 1000)),
    }
