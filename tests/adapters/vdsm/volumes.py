"""Volumes made by asking the simulated host directly."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from adapters.vdsm.settings import DOMAIN, POOL
from tests.adapters.contract import eventually
from tests.adapters.vdsm.simulator_process import SimulatorProcess

PLACE = ("volumeID", "imageID", "storagedomainID", "storagepoolID")
BLANK = str(UUID(int=0))


def new_volume(**changes: Any) -> dict[str, Any]:
    """Gives the parameters of `Volume.create`, sound but for the changes."""
    wanted = {
        "volumeID": str(uuid4()),
        "imageID": str(uuid4()),
        "storagedomainID": str(DOMAIN),
        "storagepoolID": str(POOL),
        "size": "4096",
        "volFormat": 5,
        "preallocate": 2,
        "diskType": "DATA",
        "desc": "",
        "srcImgUUID": BLANK,
        "srcVolUUID": BLANK,
    }
    return {**wanted, **changes}


def ended(simulator: SimulatorProcess, task_id: str) -> dict[str, Any]:
    """Gives the status of a task once it has ended."""

    def status() -> Any:
        found = simulator.ask("Task.getStatus", taskID=task_id)
        return found["taskState"] == "finished" and found

    found: dict[str, Any] = eventually(status)
    return found
