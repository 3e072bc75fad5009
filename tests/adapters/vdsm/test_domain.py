"""Domain XML: what is built is read again, and what libvirt tells is understood."""

from __future__ import annotations

from uuid import uuid4

import pytest

from adapters.vdsm.domain import (
    BadDomainError,
    Domain,
    Drive,
    domain_xml,
    parse_disks,
    parse_domain,
    plug_xml,
    renewed_xml,
)
from adapters.vdsm.settings import POOL
from adapters.vdsm.volume import VolumeAddress


def _volume() -> VolumeAddress:
    return VolumeAddress(storage_domain_id=uuid4(), image_id=uuid4(), volume_id=uuid4())


def test_what_is_built_is_read_again() -> None:
    drives = (
        Drive(volume=_volume()),
        Drive(volume=_volume(), mirror=_volume()),
        Drive(lun_id="36"),
    )
    domain = Domain(vm_id=uuid4(), name="web <1>", drives=drives)

    assert parse_domain(domain_xml(domain, pool_id=POOL)) == domain


def test_a_path_on_any_storage_names_its_volume() -> None:
    volume = _volume()
    place = f"{volume.storage_domain_id}/images/{volume.image_id}/{volume.volume_id}"
    text = f"""<domain type='kvm'><name>db</name><uuid>{uuid4()}</uuid><devices>
      <disk type='block' device='disk'><source dev='/rhev/data-center/mnt/blockSD/{place}'/></disk>
      <disk type='file' device='cdrom'><source file='/iso/{place}'/></disk>
      <disk type='file' device='disk'/>
    </devices></domain>"""

    assert parse_domain(text).drives == (Drive(volume=volume),)


def test_a_plugged_disk_is_found_in_its_xml() -> None:
    drive = Drive(lun_id="360a98000")

    assert parse_disks(plug_xml(drive, pool_id=POOL)) == (drive,)


@pytest.mark.parametrize("drives", [(), (Drive(lun_id="360a98000"),)])
def test_a_renewed_domain_has_another_name_and_other_disks(drives: tuple[Drive, ...]) -> None:
    old = Domain(vm_id=uuid4(), name="old", drives=(Drive(volume=_volume()),))
    vm_id = uuid4()

    text = renewed_xml(
        domain_xml(old, pool_id=POOL), vm_id=vm_id, name="new", pool_id=POOL, drives=drives
    )

    assert parse_domain(text) == Domain(vm_id=vm_id, name="new", drives=drives)


def test_a_renewed_domain_has_network_cards_with_addresses_of_their_own() -> None:
    card = '<interface type="bridge"><mac address="56:6f:00:00:00:01"/><model type="virtio"/></interface>'
    old = domain_xml(Domain(vm_id=uuid4(), name="old"), pool_id=POOL)
    old = old.replace("<devices />", f"<devices>{card}</devices>")
    assert "56:6f" in old

    text = renewed_xml(old, vm_id=uuid4(), name="new", pool_id=POOL)

    assert 'type="virtio"' in text
    assert "56:6f" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<domain/>",
        "<domain><name>a</name><uuid>b</uuid></domain>",
        "<!DOCTYPE d [<!ENTITY e 'x'>]><domain><name>&e;</name></domain>",
    ],
)
def test_what_is_no_domain_is_told(text: str) -> None:
    with pytest.raises(BadDomainError):
        parse_domain(text)
