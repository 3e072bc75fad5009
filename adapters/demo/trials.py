"""The commands of the demo: what each shows, how it must end, what must then be on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from adapters.demo.machines import Machines
from adapters.demo.volumes import Volumes
from adapters.vdsm.simulator.seed import SECOND_DOMAIN

VENDOR = "netapp"
LUN = "netapp-lun-7"
_NAMES = UUID("44444444-0000-4000-8000-000000000001")


def _no_faults() -> list[str]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One command and its expected ending; `look` gives what is not right on disk."""

    title: str
    kind: str
    parameters: Mapping[str, Any]
    ending: str = "succeeded"
    owner: str = "alice"
    stop_at: float | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    passes: Sequence[str] = ()
    look: Callable[[], list[str]] = _no_faults

    def faults(self) -> list[str]:
        """Looks at the disk."""
        return self.look()


def make_trials(machines: Machines, volumes: Volumes, vendor_files: Path) -> tuple[Trial, ...]:
    """Gives all trials in the order of their submission."""
    return (
        *_removals(machines),
        *_migrations(machines),
        *_copies(machines),
        *_vendors(machines, vendor_files),
        *_gluster(volumes),
    )


def _removals(machines: Machines) -> tuple[Trial, ...]:
    def told() -> list[str]:
        count = len(list(machines.mailbox("alice").glob("*.json")))
        return [] if count == 1 else [f"the owner was told {count} times, and should be once"]

    return (
        Trial(
            title="remove a VM, its images side by side",
            kind="vm.remove",
            parameters={"vm_id": machines.vm("web"), "image_ids": machines.images("web")},
            parts={"image.remove": "succeeded", "owner.notify": "succeeded"},
            look=lambda: machines.removed("web") + told(),
        ),
        Trial(
            title="a best-effort part fails",
            kind="vm.remove",
            parameters={
                "vm_id": machines.vm("mail"),
                "image_ids": machines.images("mail"),
                "notify": "nobody",
            },
            parts={"owner.notify": "failed"},
            look=lambda: machines.removed("mail"),
        ),
        Trial(
            title="snapshot two disks at once",
            kind="vm.snapshot.create",
            parameters={
                "vm_id": machines.vm("database"),
                "image_ids": machines.images("database"),
            },
            look=lambda: machines.has_snapshot("database"),
        ),
    )


def _migrations(machines: Machines) -> tuple[Trial, ...]:
    def migrate(name: str, **expected: Any) -> Trial:
        return Trial(
            kind="disk.live_migrate",
            parameters={
                "vm_id": machines.vm(name),
                "image_id": str(machines.image(name)),
                "new_storage_domain_id": str(SECOND_DOMAIN),
            },
            **expected,
        )

    return (
        migrate("shop", title="move a disk while its VM runs", look=lambda: machines.moved("shop")),
        Trial(
            title="wait for the lock on that VM",
            kind="vm.stop",
            parameters={"vm_id": machines.vm("shop")},
            owner="bob",
            passes=("blocked",),
            look=lambda: machines.is_down("shop"),
        ),
        migrate(
            "archive",
            title="fail midway, undo all",
            ending="failed",
            parts={
                "volume.copy": "failed",
                "disk.replicate": "compensated",
                "volume.create": "compensated",
                "vm.snapshot.take": "compensated",
                "volume.create_overlay": "compensated",
            },
            look=lambda: (
                machines.unchanged("archive")
                + machines.absent(machines.image("archive"), SECOND_DOMAIN)
            ),
        ),
    )


def _copies(machines: Machines) -> tuple[Trial, ...]:
    copy, stopped = uuid5(_NAMES, "copy"), uuid5(_NAMES, "stopped copy")
    return (
        Trial(
            title="copy a disk and check it",
            kind="disk.copy",
            parameters={"image_id": str(machines.image("golden")), "new_image_id": str(copy)},
            look=lambda: machines.copied("golden", copy),
        ),
        Trial(
            title="stopped by the operator",
            kind="disk.copy",
            parameters={"image_id": str(machines.image("huge")), "new_image_id": str(stopped)},
            ending="stopped",
            stop_at=0.4,
            parts={"volume.create": "compensated"},
            look=lambda: machines.unchanged("huge") + machines.absent(stopped),
        ),
    )


def _vendors(machines: Machines, vendor_files: Path) -> tuple[Trial, ...]:
    clone = str(uuid5(_NAMES, "clone"))

    def cloned() -> list[str]:
        if machines.definition(clone) is None:
            return ["the clone is not on the host"]
        has_lun = any(drive.lun_id == LUN for drive in machines.drives(clone))
        return machines.is_down("template") + ([] if has_lun else ["the clone has no LUN"])

    def worked() -> list[str]:
        made = len(list(vendor_files.iterdir()))
        return [] if made == 3 else [f"the vendor made {made} files, and should have made 3"]

    return (
        Trial(
            title="our steps and a vendor's in one chain",
            kind="vm.rapid_clone",
            parameters={
                "vm_id": machines.vm("template"),
                "image_ids": machines.images("template"),
                "name": "clone",
                "lun_id": LUN,
                "vendor": VENDOR,
                "new_vm_id": clone,
            },
            parts={"external": "succeeded"},
            look=lambda: cloned() + worked(),
        ),
        Trial(
            title="a job of the vendor's own",
            kind="external",
            parameters={"vendor": VENDOR, "description": "Scrub the aggregate"},
            owner=VENDOR,
        ),
    )


def _gluster(volumes: Volumes) -> tuple[Trial, ...]:
    return (
        Trial(
            title="spread files over a new brick",
            kind="gluster.volume.rebalance",
            parameters={"volume": "photos"},
            look=lambda: volumes.is_spread("photos", 1, 2, 3),
        ),
        Trial(
            title="drain a brick, then take it out",
            kind="gluster.volume.shrink",
            parameters={"volume": "scratch", "bricks": volumes.bricks("scratch", 3)},
            look=lambda: (
                volumes.has_bricks("scratch", 1, 2)
                + volumes.is_whole("scratch", 1, 2)
                + volumes.is_empty("scratch", 3)
            ),
        ),
        Trial(
            title="files that cannot move keep the brick",
            kind="gluster.volume.shrink",
            parameters={"volume": "ledger", "bricks": volumes.bricks("ledger", 3)},
            ending="failed",
            parts={"gluster.bricks.commit": "skipped"},
            look=lambda: (
                volumes.has_bricks("ledger", 1, 2, 3) + volumes.is_whole("ledger", 1, 2, 3)
            ),
        ),
        Trial(
            title="replace a brick of a mirror",
            kind="gluster.brick.replace",
            parameters={
                "volume": "mirror",
                "old": volumes.brick("mirror", 2),
                "new": volumes.brick("mirror", 3),
            },
            look=lambda: (
                volumes.has_bricks("mirror", 1, 3)
                + volumes.is_whole("mirror", 1)
                + volumes.is_whole("mirror", 3)
            ),
        ),
    )
