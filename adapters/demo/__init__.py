"""The demo's scenario: real files in simulated systems, commands of all kinds, their endings.

It is found by the entry point `main` of the group `orchestrator.demos`. Of all adapters' folders
only this one looks into others: it is the audience's hand, not a part of the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.demo.machines import Machines
from adapters.demo.trials import VENDOR, Trial, make_trials
from adapters.demo.volumes import Volumes

__all__ = ["MainScenario", "Trial", "scenario"]

MIB = 1 << 20


def scenario(data: Path) -> MainScenario:
    """Makes the main scenario for a data directory."""
    return MainScenario(data)


class MainScenario:
    """Commands of all kinds at once, on VMs, disks, volumes and a vendor's LUN."""

    vdsm_speed = 2.0 * MIB

    def __init__(self, data: Path) -> None:
        self._vendor_files = data / "vendor"
        self._machines = Machines(data / "vdsm", data / "outbox")
        self._volumes = Volumes(data / "gluster")
        self.trials: Sequence[Trial] = make_trials(
            self._machines, self._volumes, self._vendor_files
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """Quick enough to be looked at, slow enough to be seen."""
        return {
            "ORCHESTRATOR_POLL_SECONDS": "0.5",
            "GLUSTER_SIMULATOR_START_SECONDS": "0.5",
            "GLUSTER_SIMULATOR_FILES_PER_SECOND": "12",
        }

    def seed(self) -> None:
        """Makes the VMs, disks, volumes and files, and sets the traps."""
        self._machines.seed()
        self._volumes.seed()
        self._vendor_files.mkdir(parents=True, exist_ok=True)

    def players(self, url: str, token: str) -> Mapping[str, Sequence[str]]:
        """Gives the vendor's own program: it works on its tasks over REST alone."""
        words = (
            *(sys.executable, "-m", "adapters.vendor.client"),
            *("--url", url, "--token", token, "--vendor", VENDOR),
            *("--seconds", "2", "--directory", str(self._vendor_files)),
        )
        return {VENDOR: words}
