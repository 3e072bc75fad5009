"""The commands on VMs, disks and images that come with the VDSM adapter."""

from adapters.vdsm.commands.copy_disk import CheckCopy, CopyDisk
from adapters.vdsm.commands.create_vm import AttachLun, CreateVm
from adapters.vdsm.commands.image import RemoveImage
from adapters.vdsm.commands.live_migrate import LiveMigrateDisk, PivotDisk, StartReplication
from adapters.vdsm.commands.merge import (
    CheckChain,
    CoalesceImage,
    FinalizeMerge,
    MergeDown,
    MergeVolume,
    PrepareMerge,
)
from adapters.vdsm.commands.notify import NotifyOwner
from adapters.vdsm.commands.rapid_clone import RapidClone
from adapters.vdsm.commands.remove_snapshot import FoldOverlay, RemoveSnapshot
from adapters.vdsm.commands.remove_vm import RemoveVm
from adapters.vdsm.commands.snapshot import (
    CreateOverlay,
    CreateSnapshot,
    FreezeGuest,
    TakeSnapshot,
    ThawGuest,
)
from adapters.vdsm.commands.stop_vm import RememberVm, ShutDownVm, StopVm
from adapters.vdsm.commands.volume import CopyData, CopyVolumes, CreateVolume, DeleteVolume

__all__ = [
    "AttachLun",
    "CheckChain",
    "CheckCopy",
    "CoalesceImage",
    "CopyData",
    "CopyDisk",
    "CopyVolumes",
    "CreateOverlay",
    "CreateSnapshot",
    "CreateVm",
    "CreateVolume",
    "DeleteVolume",
    "FinalizeMerge",
    "FoldOverlay",
    "FreezeGuest",
    "LiveMigrateDisk",
    "MergeDown",
    "MergeVolume",
    "NotifyOwner",
    "PivotDisk",
    "PrepareMerge",
    "RapidClone",
    "RememberVm",
    "RemoveImage",
    "RemoveSnapshot",
    "RemoveVm",
    "ShutDownVm",
    "StartReplication",
    "StopVm",
    "TakeSnapshot",
    "ThawGuest",
]
