"""The commands on VMs, disks and images that come with the VDSM adapter."""

from adapters.vdsm.commands.backup_vm import BackupVm, ServeBackup, StartBackup, StopBackup
from adapters.vdsm.commands.clone_vm import CloneVm
from adapters.vdsm.commands.copy_disk import CheckCopy, CopyDisk
from adapters.vdsm.commands.create_vm import AttachLun, CreateVm
from adapters.vdsm.commands.export_ova import ExportOva, PackOva, PrepareVolumes, ReleaseVolumes
from adapters.vdsm.commands.fold import FoldOverlay
from adapters.vdsm.commands.image import RemoveImage
from adapters.vdsm.commands.import_vm import ConvertVm, ImportVm
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
from adapters.vdsm.commands.remove_snapshot import RemoveSnapshot
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
    "BackupVm",
    "CheckChain",
    "CheckCopy",
    "CloneVm",
    "CoalesceImage",
    "ConvertVm",
    "CopyData",
    "CopyDisk",
    "CopyVolumes",
    "CreateOverlay",
    "CreateSnapshot",
    "CreateVm",
    "CreateVolume",
    "DeleteVolume",
    "ExportOva",
    "FinalizeMerge",
    "FoldOverlay",
    "FreezeGuest",
    "ImportVm",
    "LiveMigrateDisk",
    "MergeDown",
    "MergeVolume",
    "NotifyOwner",
    "PackOva",
    "PivotDisk",
    "PrepareMerge",
    "PrepareVolumes",
    "RapidClone",
    "ReleaseVolumes",
    "RememberVm",
    "RemoveImage",
    "RemoveSnapshot",
    "RemoveVm",
    "ServeBackup",
    "ShutDownVm",
    "StartBackup",
    "StartReplication",
    "StopBackup",
    "StopVm",
    "TakeSnapshot",
    "ThawGuest",
]
