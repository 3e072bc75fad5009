"""A VM as libvirt's domain XML, which is how VDSM takes one and tells of one: parsed, built, changed.

Which volume a disk stands on is read from the path of its source, which ends with
`<storage domain>/images/<image>/<volume>` on every kind of storage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from adapters.vdsm.volume import VolumeAddress

OVIRT = "http://ovirt.org/vm/1.0"
_PATH = "/rhev/data-center/{pool}/{domain}/images/{image}/{volume}"
_LUN_PATH = "/dev/mapper/"

ET.register_namespace("ovirt-vm", OVIRT)


class BadDomainError(ValueError):
    """The text is not the XML of a libvirt domain with an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A disk of a VM: a volume of a pool, or a LUN. `mirror` is where its writes go as well."""

    volume: VolumeAddress | None = None
    lun_id: str | None = None
    mirror: VolumeAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a VM holds on the storage while it runs: a volume, by its id as `key`, or its own name."""

    lockspace: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What we need to know of a VM."""

    vm_id: UUID
    name: str
    drives: tuple[Drive, ...] = ()
    leases: tuple[Lease, ...] = ()

    def holds(self, volume: VolumeAddress) -> bool:
        """Whether the VM has a lease on the volume. It cannot be moved to another one while it runs then."""
        return any(one.key == str(volume.volume_id) for one in self.leases)

    def drive_of(self, image_id: UUID) -> Drive | None:
        """Gives the disk that is this image, or None."""
        for one in self.drives:
            if one.volume is not None and one.volume.image_id == image_id:
                return one
        return None

    def has_lun(self, lun_id: str) -> bool:
        """Whether the LUN is one of its disks."""
        return any(one.lun_id == lun_id for one in self.drives)


def parse_domain(text: str) -> Domain:
    """Reads a domain; raises BadDomainError."""
    root = _parse(text)
    vm_id, name = root.findtext("uuid"), root.findtext("name")
    if root.tag != "domain" or vm_id is None or name is None:
        raise BadDomainError(f"expected a <domain> with <uuid> and <name>, got <{root.tag}>")
    try:
        known = UUID(vm_id.strip())
    except ValueError as error:
        raise BadDomainError(f"the domain's uuid {vm_id!r} is none") from error
    leases = tuple(
        Lease(lockspace=one.findtext("lockspace") or "", key=one.findtext("key") or "")
        for one in root.iter("lease")
    )
    return Domain(vm_id=known, name=name.strip(), drives=parse_disks(text), leases=leases)


def parse_disks(text: str) -> tuple[Drive, ...]:
    """Reads the disks of a domain, or of what is plugged into one; CD-ROMs are left out."""
    found = (_drive(one) for one in _parse(text).iter("disk") if one.get("device") != "cdrom")
    return tuple(one for one in found if one is not None)


def domain_xml(domain: Domain, *, pool_id: UUID, memory_mib: int = 1024, cpus: int = 1) -> str:
    """Builds the XML by which a VM with these disks is created."""
    root = ET.Element("domain", {"type": "kvm"})
    ET.SubElement(root, "name").text = domain.name
    ET.SubElement(root, "uuid").text = str(domain.vm_id)
    ET.SubElement(root, "memory", {"unit": "MiB"}).text = str(memory_mib)
    ET.SubElement(root, "vcpu").text = str(cpus)
    system = ET.SubElement(root, "os")
    ET.SubElement(system, "type", {"arch": "x86_64", "machine": "q35"}).text = "hvm"
    devices = _add_devices(root, domain.drives, pool_id)
    for one in domain.leases:
        lease = ET.SubElement(devices, "lease")
        ET.SubElement(lease, "lockspace").text = one.lockspace
        ET.SubElement(lease, "key").text = one.key
        ET.SubElement(lease, "target", {"path": f"/leases/{one.lockspace}", "offset": "0"})
    return ET.tostring(root, encoding="unicode")


def plug_xml(drive: Drive, *, pool_id: UUID, unplug: bool = False) -> str:
    """Builds the XML by which one disk is plugged into a running VM, or taken out."""
    root = ET.Element("hotunplug" if unplug else "hotplug")
    _add_devices(root, (drive,), pool_id)
    return ET.tostring(root, encoding="unicode")


def moved_domain(domain: Domain, image_id: UUID, volume: VolumeAddress) -> Domain:
    """Gives the domain with one image's disk on another volume, its mirror ended."""
    drives = tuple(
        replace(one, volume=volume, mirror=None)
        if one.volume is not None and one.volume.image_id == image_id
        else one
        for one in domain.drives
    )
    return replace(domain, drives=drives)


def renewed_xml(
    text: str, *, vm_id: UUID, name: str, pool_id: UUID, drives: tuple[Drive, ...] = ()
) -> str:
    """Gives a domain's XML under another id and name, with these disks instead of its own.

    Its network cards get addresses of their own: two VMs with one MAC address would disturb each other.
    """
    root = _parse(text)
    for tag, value in (("uuid", str(vm_id)), ("name", name)):
        found = root.find(tag)
        if found is not None:
            found.text = value
    for devices in root.findall("devices"):
        for disk in (*devices.findall("disk"), *devices.findall("lease")):
            devices.remove(disk)
        for card in devices.findall("interface"):
            for address in card.findall("mac"):
                card.remove(address)
    for metadata in root.findall("metadata"):
        root.remove(metadata)
    _add_devices(root, drives, pool_id)
    return ET.tostring(root, encoding="unicode")


def _parse(text: str) -> ET.Element:
    try:
        return fromstring(text)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        raise BadDomainError(f"the domain's XML cannot be read: {error}") from error


def _drive(disk: ET.Element) -> Drive | None:
    source = _source_of(disk)
    if source.startswith(_LUN_PATH):
        return Drive(lun_id=source.removeprefix(_LUN_PATH))
    volume = _volume_of(source)
    mirror = disk.find("mirror")
    if volume is None:
        return None
    return Drive(volume=volume, mirror=None if mirror is None else _volume_of(_source_of(mirror)))


def _source_of(element: ET.Element) -> str:
    found = element.find("source")
    if found is None:
        return ""
    return found.get("file") or found.get("dev") or ""


def _volume_of(path: str) -> VolumeAddress | None:
    match path.split("/")[-4:]:
        case [domain, "images", image, volume]:
            try:
                return VolumeAddress(
                    storage_domain_id=UUID(domain), image_id=UUID(image), volume_id=UUID(volume)
                )
            except ValueError:
                return None
        case _:
            return None


def _add_devices(root: ET.Element, drives: tuple[Drive, ...], pool_id: UUID) -> ET.Element:
    """Adds the disks to the domain's devices, which it gives."""
    devices = root.find("devices")
    if devices is None:
        devices = ET.SubElement(root, "devices")
    metadata = ET.SubElement(root, "metadata")
    known = ET.SubElement(metadata, f"{{{OVIRT}}}vm")
    for number, one in enumerate(drives):
        name = target_name(number)
        _add_disk(devices, one, name, pool_id)
        device = ET.SubElement(known, f"{{{OVIRT}}}device", {"devtype": "disk", "name": name})
        for key, value in _identity(one, pool_id).items():
            ET.SubElement(device, f"{{{OVIRT}}}{key}").text = value
    return devices


def _add_disk(devices: ET.Element, drive: Drive, name: str, pool_id: UUID) -> None:
    is_lun = drive.lun_id is not None
    disk = ET.SubElement(
        devices, "disk", {"type": "block" if is_lun else "file", "device": "disk", "snapshot": "no"}
    )
    ET.SubElement(disk, "driver", {"name": "qemu", "cache": "none", "error_policy": "stop"})
    if is_lun:
        ET.SubElement(disk, "source", {"dev": f"{_LUN_PATH}{drive.lun_id}"})
    elif drive.volume is not None:
        ET.SubElement(disk, "source", {"file": _path(drive.volume, pool_id)})
    if drive.mirror is not None:
        mirror = ET.SubElement(disk, "mirror", {"type": "file", "job": "copy"})
        ET.SubElement(mirror, "source", {"file": _path(drive.mirror, pool_id)})
    ET.SubElement(disk, "target", {"dev": name, "bus": "scsi"})
    if drive.volume is not None:
        ET.SubElement(disk, "serial").text = str(drive.volume.image_id)


def _identity(drive: Drive, pool_id: UUID) -> dict[str, str]:
    if drive.volume is None:
        return {"GUID": drive.lun_id or ""}
    return {
        "poolID": str(pool_id),
        "domainID": str(drive.volume.storage_domain_id),
        "imageID": str(drive.volume.image_id),
        "volumeID": str(drive.volume.volume_id),
    }


def _path(volume: VolumeAddress, pool_id: UUID) -> str:
    return _PATH.format(
        pool=pool_id,
        domain=volume.storage_domain_id,
        image=volume.image_id,
        volume=volume.volume_id,
    )


def target_name(number: int) -> str:
    """Gives the name of the nth disk in the guest: sda, sdb, ... sdz, sdaa."""
    name, rest = "", number
    while rest >= 0:
        rest, letter = divmod(rest, 26)
        name = chr(ord("a") + letter) + name
        rest -= 1
    return f"sd{name}"
