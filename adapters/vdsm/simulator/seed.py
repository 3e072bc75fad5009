"""Fills a data directory with a pool, its domains, VMs and their images, all real files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from adapters.vdsm.domain import Domain, Drive, domain_xml
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator.disk import write_json
from adapters.vdsm.simulator.storage import NO_PARENT, Storage
from adapters.vdsm.volume import VolumeAddress

SECOND_DOMAIN = UUID("22222222-0000-4000-8000-000000000002")
_NAMES = UUID("33333333-0000-4000-8000-000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What was made: ids of VMs by name, of each VM's images, of each image's volume."""

    vms: Mapping[str, UUID]
    images: Mapping[str, tuple[UUID, ...]]
    volumes: Mapping[UUID, UUID]


def seed(
    directory: Path,
    *,
    vms: Mapping[str, Iterable[int]],
    pool_id: UUID = POOL,
    domain_id: UUID = DOMAIN,
    domain_ids: Iterable[UUID] = (DOMAIN, SECOND_DOMAIN),
    status: str = "Up",
    down: Collection[str] = (),
    host_id: int = 1,
) -> Seeded:
    """Makes VMs with one image for each size in bytes; ids follow from the names, so they are
    known.

    `vms` is `{"vm-001": (1048576, 4096)}`; those in `down` do not run. What exists already is left as it is.
    """
    for one in domain_ids:
        (directory / "domains" / str(one) / "images").mkdir(parents=True, exist_ok=True)
    (directory / "vms").mkdir(parents=True, exist_ok=True)
    write_json(
        directory / "pool.json",
        {"pool_id": str(pool_id), "master_domain": str(domain_id), "master_version": 1},
    )
    storage = Storage(directory)
    vm_ids: dict[str, UUID] = {}
    images: dict[str, tuple[UUID, ...]] = {}
    volumes: dict[UUID, UUID] = {}
    for name, sizes in vms.items():
        vm_ids[name] = uuid5(_NAMES, name)
        made = [
            (uuid5(_NAMES, f"{name}/{number}"), size) for number, size in enumerate(sizes, start=1)
        ]
        images[name] = tuple(image for image, _ in made)
        volumes |= {image: _image(storage, domain_id, image, size) for image, size in made}
        drives = tuple(
            Drive(
                volume=VolumeAddress(
                    storage_domain_id=domain_id, image_id=image, volume_id=volumes[image]
                )
            )
            for image in images[name]
        )
        domain = Domain(vm_id=vm_ids[name], name=name, drives=drives)
        runs = "Down" if name in down else status
        _vm(directory, domain, domain_xml(domain, pool_id=pool_id), runs, host_id)
    return Seeded(vms=vm_ids, images=images, volumes=volumes)


def _vm(directory: Path, domain: Domain, xml: str, status: str, host_id: int) -> None:
    path = directory / "vms" / f"{domain.vm_id}.json"
    if not path.exists():
        vm = {
            "vmId": str(domain.vm_id),
            "vmName": domain.name,
            "status": status,
            "host_id": host_id,
            "xml": xml,
            "frozen": False,
        }
        write_json(path, vm)


def _image(storage: Storage, domain_id: UUID, image_id: UUID, size: int) -> UUID:
    volume_id = uuid5(image_id, "volume")
    place = str(domain_id), str(image_id), str(volume_id)
    if not storage.path(*place).exists():
        path = storage.add_volume(place, legal=True, size=size, parent=NO_PARENT)
        path.write_bytes(_content(str(image_id), size))
    return volume_id


def _content(name: str, size: int) -> bytes:
    """Gives bytes that differ from image to image, so that a copy can be told from another's."""
    block = hashlib.sha256(name.encode()).digest() * 128
    return (block * (size // len(block) + 1))[:size]
