"""The verbs on virtual machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.vdsm.simulator.host import Host, Params, Verb


def machine_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on VMs; those without a result answer true."""
    machines = host.machines
    return {
        "VM.create": lambda params: machines.create(params["vmID"], params.get("vmParams", {})),
        "VM.shutdown": _done(lambda params: machines.stop(params["vmID"])),
        "VM.destroy": _done(lambda params: machines.destroy(params["vmID"])),
        "VM.freeze": _done(lambda params: machines.freeze(params["vmID"], frozen=True)),
        "VM.thaw": _done(lambda params: machines.freeze(params["vmID"], frozen=False)),
        "VM.snapshot": _done(
            lambda params: machines.snapshot(params["vmID"], params["snapDrives"])
        ),
        "VM.merge": _done(
            lambda params: machines.merge(
                params["vmID"],
                params["drive"]["imageID"],
                params["baseVolUUID"],
                params["topVolUUID"],
            )
        ),
        **_mirror_verbs(host),
        "VM.hotplugDisk": _done(
            lambda params: machines.plug(params["vmID"], params["params"]["drive"])
        ),
        "VM.hotunplugDisk": _done(
            lambda params: machines.unplug(params["vmID"], params["params"]["drive"])
        ),
        "VM.getStats": lambda params: [_stats(machines.get(params["vmID"]))],
        "Host.getVMList": lambda params: [_stats(vm) for vm in machines.all()],
        "Host.getVMFullList": lambda params: [
            _definition(vm)
            for vm in machines.all()
            if not params.get("vmList") or vm["vmId"] in params["vmList"]
        ],
    }


def _mirror_verbs(host: Host) -> dict[str, Verb]:
    machines = host.machines
    return {
        "VM.diskReplicateStart": _done(
            lambda params: machines.replicate_start(
                params["vmID"], params["srcDisk"], params["dstDisk"]
            )
        ),
        "VM.diskReplicateFinish": _done(
            lambda params: machines.replicate_finish(
                params["vmID"], params["srcDisk"], params["dstDisk"]
            )
        ),
    }


def _done(verb: Callable[[Params], None]) -> Verb:
    def answer(params: Params) -> bool:
        verb(params)
        return True

    return answer


def _stats(vm: dict[str, Any]) -> dict[str, Any]:
    return {"vmId": vm["vmId"], "vmName": vm["vmName"], "status": vm["status"]}


def _definition(vm: dict[str, Any]) -> dict[str, Any]:
    devices = [{"type": "disk", "device": "disk", **drive} for drive in vm["drives"]]
    return {**_stats(vm), "frozen": vm.get("frozen", False), "devices": devices}
