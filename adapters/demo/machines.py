"""The demo's VMs and disks: files of a simulated VDSM, and what must have become of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.vdsm.domain import Drive, parse_domain
from adapters.vdsm.settings import DOMAIN
from adapters.vdsm.simulator.seed import SECOND_DOMAIN, Seeded, seed

MIB = 1 << 20
DISKS = {
    "web": (2 * MIB, 2 * MIB, 2 * MIB),
    "mail": (MIB,),
    "database": (4 * MIB, 4 * MIB),
    "shop": (6 * MIB,),
    "archive": (6 * MIB,),
    "golden": (8 * MIB,),
    "huge": (24 * MIB,),
    "template": (2 * MIB, 2 * MIB),
}
"""The VMs by name, and the sizes of their disks."""

COPIED = ("golden", "huge")
"""The VMs that are down, so that their disks can be copied as they are."""

FULL_TARGET = "archive"
"""Copying this VM's disk fails halfway."""


class Machines:
    """The simulated hypervisor's directory. The ids are known before it is seeded."""

    def __init__(self, directory: Path, outbox: Path) -> None:
        self._directory = directory
        self._outbox = outbox
        self._contents: dict[UUID, bytes] = {}
        self._seeded: Seeded | None = None

    def seed(self) -> None:
        """Makes the VMs with their disks, a mailbox for one owner, and the trap."""
        found = self.known
        self._contents = {
            image: self._volume(DOMAIN, image, found.volumes[image]).read_bytes()
            for images in found.images.values()
            for image in images
        }
        self.mailbox("alice").mkdir(parents=True, exist_ok=True)
        trap = {
            "verb": "SDM.copy_data",
            "effect": "fail_work",
            "about": str(self.image(FULL_TARGET)),
            "at": 0.5,
            "code": 261,
            "message": "the target ran full",
        }
        (self._directory / "faults.json").write_text(json.dumps([trap]))

    @property
    def known(self) -> Seeded:
        """The ids of all that was seeded."""
        if self._seeded is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._seeded = seed(self._directory, vms=DISKS, down=COPIED)
        return self._seeded

    def vm(self, name: str) -> str:
        """Gives a VM's id."""
        return str(self.known.vms[name])

    def images(self, name: str) -> list[str]:
        """Gives the ids of a VM's images."""
        return [str(image) for image in self.known.images[name]]

    def image(self, name: str) -> UUID:
        """Gives the id of a VM's only image."""
        return self.known.images[name][0]

    def mailbox(self, owner: str) -> Path:
        """Gives an owner's mailbox, which may not exist."""
        return self._outbox / owner

    def definition(self, vm_id: str) -> dict[str, Any] | None:
        """Gives what the host knows of a VM; None for no such VM."""
        path = self._directory / "vms" / f"{vm_id}.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def drives(self, vm_id: str) -> tuple[Drive, ...]:
        """Gives a VM's disks; none for no such VM."""
        found = self.definition(vm_id)
        return () if found is None else parse_domain(found["xml"]).drives

    def data_files(self, image: UUID | str, domain: UUID = DOMAIN) -> list[Path]:
        """Gives the files that hold an image's data; none when there is no such image."""
        directory = self._image(domain, image)
        if not directory.is_dir():
            return []
        return sorted(one for one in directory.iterdir() if one.suffix != ".json")

    # --- what must have become of them; each gives what is not so ---------------------------------

    def removed(self, name: str) -> list[str]:
        """Neither the VM nor any of its images is left."""
        faults = [] if self.definition(self.vm(name)) is None else [f"VM {name} is still there"]
        left = [image for image in self.images(name) if self._image(DOMAIN, image).exists()]
        return faults + [f"image {image} is still on disk" for image in left]

    def unchanged(self, name: str) -> list[str]:
        """Each image has its one volume with the old bytes, and the VM uses it, mirrors nothing."""
        found = self.definition(self.vm(name))
        if found is None:
            return [f"VM {name} is gone"]
        faults = []
        for drive in self.drives(self.vm(name)):
            if drive.volume is None:
                continue
            image = drive.volume.image_id
            if [one.name for one in self.data_files(image)] != [str(drive.volume.volume_id)]:
                faults.append(f"image {image} has other volumes than VM {name} uses")
            elif self.data_files(image)[0].read_bytes() != self._contents[image]:
                faults.append(f"image {image} holds other bytes than before")
            if drive.mirror is not None:
                faults.append(f"disk {image} of VM {name} is still mirrored")
        return faults

    def copied(self, name: str, new_image: UUID) -> list[str]:
        """The new image holds the old one's bytes."""
        return self._holds(new_image, DOMAIN, self._contents[self.image(name)])

    def absent(self, image: UUID, domain: UUID = DOMAIN) -> list[str]:
        """There is no such image."""
        left = self._image(domain, image).exists()
        return [f"image {image} was left in domain {domain}"] if left else []

    def moved(self, name: str) -> list[str]:
        """The VM's disk is in the second domain with the old bytes, and no more in the first."""
        image = self.image(name)
        volumes = [one.volume for one in self.drives(self.vm(name)) if one.volume]
        domains = {one.storage_domain_id for one in volumes}
        faults = [] if domains == {SECOND_DOMAIN} else [f"VM {name} still uses the old domain"]
        faults += self._holds(image, SECOND_DOMAIN, self._contents[image])
        return faults + self.absent(image)

    def has_snapshot(self, name: str) -> list[str]:
        """Each image has a second volume, and the VM writes to it."""
        faults = []
        for drive in self.drives(self.vm(name)):
            if drive.volume is None:
                continue
            image, used = drive.volume.image_id, str(drive.volume.volume_id)
            names = {one.name for one in self.data_files(image)}
            old = str(self.known.volumes[image])
            if len(names) != 2 or used not in names or used == old:
                faults.append(f"image {image} has no new volume that VM {name} uses")
        return faults

    def is_down(self, name: str) -> list[str]:
        """The VM exists and is down."""
        found = self.definition(self.vm(name))
        status = "gone" if found is None else found["status"]
        return [] if status == "Down" else [f"VM {name} is {status}, and should be Down"]

    def _holds(self, image: UUID, domain: UUID, content: bytes) -> list[str]:
        files = self.data_files(image, domain)
        if len(files) != 1:
            return [f"image {image} has {len(files)} volumes in domain {domain}, and should have 1"]
        same = files[0].read_bytes() == content
        return [] if same else [f"image {image} in domain {domain} holds other bytes"]

    def _image(self, domain: UUID, image: UUID | str) -> Path:
        return self._directory / "domains" / str(domain) / "images" / str(image)

    def _volume(self, domain: UUID, image: UUID, volume: UUID) -> Path:
        return self._image(domain, image) / str(volume)
