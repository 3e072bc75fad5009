"""The flows of a virtualisation manager, each with what must be on the storage when it has succeeded."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from adapters.vdsm.commands import (
    BackupVm,
    CloneVm,
    CopyDisk,
    CreateSnapshot,
    ExportOva,
    ImportVm,
    LiveMigrateDisk,
    RemoveSnapshot,
    RemoveVm,
)
from adapters.vdsm.settings import DOMAIN
from adapters.vdsm.simulator import SECOND_DOMAIN
from orchestrator import Command, TaskStatus
from orchestrator.core.entity import TaskEntity
from orchestrator.core.status import Status
from tests.stories.vdsm.house import PoolHouse, SeededVm

SIZES = (120_000, 80_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A flow in a house: its command, a check of its success, and one of its failure.

    `is_undone` is None where all that is on the storage must be as before.
    """

    command: Command
    succeeded: Callable[[], None]
    is_undone: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How a flow begins; `works` are the verbs that start work outside, the main one first."""

    begin: Callable[[PoolHouse], Played]
    works: tuple[str, ...]

    @property
    def main(self) -> str:
        return self.works[0]


def live_migrate(house: PoolHouse) -> Played:
    """F1."""
    vm = house.vm(*SIZES)
    image_id, before = vm.images[0], house.files(vm.images[0])

    def succeeded() -> None:
        assert house.files(image_id) == {}
        assert house.files(image_id, SECOND_DOMAIN) == before
        assert vm.addresses()[0].storage_domain_id == SECOND_DOMAIN

    command = LiveMigrateDisk(vm_id=vm.id, image_id=image_id, new_storage_domain_id=SECOND_DOMAIN)
    return Played(command=command, succeeded=succeeded)


def remove_vm(house: PoolHouse) -> Played:
    """F2. What is removed stays removed; what could not be is whole."""
    vm = house.vm(*SIZES)
    before = {one: house.files(one) for one in vm.images}

    def succeeded() -> None:
        assert [house.files(one) for one in vm.images] == [{}, {}]
        assert not house.vdsm.machines().vm_exists(vm.id)

    def is_undone() -> None:
        assert all(house.files(one) in ({}, before[one]) for one in vm.images)
        assert house.vdsm.machines().vm_status(vm.id) == "Up"

    command = RemoveVm(vm_id=vm.id, image_ids=vm.images)
    return Played(command=command, succeeded=succeeded, is_undone=is_undone)


def create_snapshot(house: PoolHouse) -> Played:
    """F3."""
    vm = house.vm(*SIZES)

    def succeeded() -> None:
        for image_id in vm.images:
            _, overlay = house.vdsm.storage().chain(image_id)
            assert overlay.address in vm.addresses()

    return Played(command=CreateSnapshot(vm_id=vm.id, image_ids=vm.images), succeeded=succeeded)


def remove_snapshot(house: PoolHouse, *, runs: bool) -> Played:
    """F4. What is merged stays merged."""
    vm = house.vm(*SIZES)
    before = [house.files(one) for one in vm.images]
    taken = CreateSnapshot(vm_id=vm.id, image_ids=vm.images)
    assert house.run(taken).status is Status.SUCCEEDED
    if not runs:
        house.vdsm.machines().stop_vm(vm.id)
    command = RemoveSnapshot(vm_id=vm.id, image_ids=vm.images, snapshot_id=taken.snapshot_id)

    def succeeded() -> None:
        assert [house.files(one) for one in vm.images] == before
        assert all(house.legal(one) for one in vm.images)

    def is_undone() -> None:
        for image_id, volumes in zip(vm.images, before, strict=True):
            assert volumes.items() <= house.files(image_id).items()
        again = house.run(command)  # as the operator's restart would
        assert again.status is Status.SUCCEEDED, house.told(again.command_id)
        succeeded()

    return Played(command=command, succeeded=succeeded, is_undone=is_undone)


def clone_vm(house: PoolHouse) -> Played:
    """F5."""
    vm = house.vm(*SIZES)
    before = [house.files(one) for one in vm.images]
    command = CloneVm(vm_id=vm.id, image_ids=vm.images, name="copy-of-it")

    def succeeded() -> None:
        copies = [house.files(command.new_image_id(one)) for one in vm.images]
        assert [list(one.values()) for one in copies] == [list(one.values()) for one in before]
        clone = SeededVm(house, command.new_vm_id, ())
        assert [str(one.volume_id) for one in clone.addresses()] == [
            next(iter(one)) for one in copies
        ]
        assert [house.files(one) for one in vm.images] == before

    return Played(command=command, succeeded=succeeded)


def import_vm(house: PoolHouse) -> Played:
    """F6."""
    foreign = house.directory / "external" / "web"
    foreign.mkdir(parents=True, exist_ok=True)
    contents = [bytes([number]) * size for number, size in enumerate(SIZES, start=1)]
    for number, content in enumerate(contents):
        (foreign / f"{number}.img").write_bytes(content)
    command = ImportVm(source="vcenter", vm_name="web", disk_sizes=SIZES, start=True)

    def succeeded() -> None:
        made = [house.files(one) for one in command.image_ids()]
        assert [list(one.values()) for one in made] == [[one] for one in contents]
        assert house.vdsm.machines().vm_status(command.new_vm_id) == "Up"

    return Played(command=command, succeeded=succeeded)


def copy_disk(house: PoolHouse) -> Played:
    """F7."""
    vm = house.vm(*SIZES, running=False)
    command = CopyDisk(image_id=vm.images[0], new_storage_domain_id=SECOND_DOMAIN)
    before = house.files(vm.images[0])

    def succeeded() -> None:
        copy = house.files(command.new_image_id, SECOND_DOMAIN)
        assert list(copy.values()) == list(before.values())
        assert house.legal(command.new_image_id, SECOND_DOMAIN)

    return Played(command=command, succeeded=succeeded)


def export_ova(house: PoolHouse) -> Played:
    """F8. The packer is a program beside the host."""
    vm = house.vm(*SIZES)
    before = {str(one): next(iter(house.files(one).values())) for one in vm.images}
    path = house.directory / "export.ova"

    def pack(task: TaskEntity) -> TaskStatus:
        if task.verb.endswith(".undo"):
            path.unlink(missing_ok=True)
            return TaskStatus.SUCCEEDED
        with tarfile.open(path, "w") as archive:
            for one in task.request["disks"]:
                archive.add(one["path"], arcname=one["image_id"])
        return TaskStatus.SUCCEEDED

    house.vendor = pack

    def succeeded() -> None:
        with tarfile.open(path) as archive:
            packed = {one: _member(archive, one) for one in archive.getnames()}
        assert packed == before
        assert [len(house.files(one)) for one in vm.images] == [1, 1], "the snapshot is gone"

    command = ExportOva(vm_id=vm.id, image_ids=vm.images, path=str(path), packer="packer")
    return Played(command=command, succeeded=succeeded)


def backup_vm(house: PoolHouse) -> Played:
    """F9. The client reads the exports, and says so."""
    vm = house.vm(*SIZES)
    before = {str(one): next(iter(house.files(one).values())) for one in vm.images}
    read: dict[str, bytes] = {}

    def client(task: TaskEntity) -> TaskStatus:
        for one in task.request["disks"]:
            read[one["image_id"]] = exported(house, one["url"]).read_bytes()
        return TaskStatus.SUCCEEDED

    house.vendor = client
    command = BackupVm(vm_id=vm.id, image_ids=vm.images, client="backup-tool")

    def succeeded() -> None:
        assert read == before
        images = {one.name for one in _images(house)}
        assert images == {str(one) for one in vm.images}, "no scratch disk is left"
        assert not list((house.directory / "backups").glob("*/*")), "the backup is closed"

    return Played(command=command, succeeded=succeeded)


FLOWS = {
    "F1 live migrate": Flow(
        begin=live_migrate,
        works=("SDM.copy_data", "Volume.create", "Image.delete", "Volume.delete"),
    ),
    "F2 remove VM": Flow(begin=remove_vm, works=("Image.delete",)),
    "F3 create snapshot": Flow(begin=create_snapshot, works=("Volume.create",)),
    "F4 remove snapshot, live": Flow(
        begin=lambda house: remove_snapshot(house, runs=True), works=("Volume.delete",)
    ),
    "F4 remove snapshot, cold": Flow(
        begin=lambda house: remove_snapshot(house, runs=False),
        works=(
            "SDM.merge",
            "StoragePool.prepareMerge",
            "StoragePool.finalizeMerge",
            "Volume.delete",
        ),
    ),
    "F5 clone VM": Flow(begin=clone_vm, works=("SDM.copy_data", "Volume.create")),
    "F6 import": Flow(begin=import_vm, works=("Host.convertExternalVm", "Volume.create")),
    "F7 cold copy": Flow(begin=copy_disk, works=("SDM.copy_data", "Volume.create")),
    "F8 export OVA": Flow(begin=export_ova, works=("Volume.create", "Volume.delete")),
    "F9 backup": Flow(begin=backup_vm, works=("Volume.create", "Image.delete")),
}


def exported(house: PoolHouse, url: str) -> Path:
    """Gives the file that stands for an NBD export of the simulator."""
    place, _, name = url.removeprefix("nbd:unix:/run/vdsm/backup/").partition(":exportname=")
    return house.directory / "backups" / str(UUID(place)) / name


def _images(house: PoolHouse) -> list[Path]:
    return list((house.directory / "domains" / str(DOMAIN) / "images").iterdir())


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None
    return found.read()
