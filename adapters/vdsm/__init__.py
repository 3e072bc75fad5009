"""VDSM: storage and virtual machines of oVirt hosts, spoken to in their own protocol."""

from adapters.vdsm.adapter import Vdsm
from adapters.vdsm.client import VdsmClient, VdsmError
from adapters.vdsm.settings import VdsmSettings
from adapters.vdsm.volume import CopiedData, Volume, VolumeAddress

__all__ = [
    "CopiedData",
    "Vdsm",
    "VdsmClient",
    "VdsmError",
    "VdsmSettings",
    "Volume",
    "VolumeAddress",
    "adapter",
]


def adapter() -> Vdsm:
    """Makes the adapter that the environment (`ORCHESTRATOR_VDSM_*`) describes."""
    return Vdsm(VdsmSettings())
