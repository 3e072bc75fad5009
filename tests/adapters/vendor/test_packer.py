"""The packer at a real API: OVA files written and removed, inside its directory and nowhere else."""

from __future__ import annotations

import shutil
import tarfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.vendor.packer import PACK, Packer, read_orders
from orchestrator import Command, Plan, Refused, external, sequence
from orchestrator.core.access import Role
from orchestrator.core.entity import CommandEntity
from orchestrator.core.status import Status
from tests.api import served as api_served
from tests.api.served import Served, served
from tests.services import until


class Fail(Command, kind="test.fail"):
    """Fails when its turn comes."""

    def execute(self) -> None:
        raise Refused("no room for it")


class PackThenFail(Command, kind="test.pack_then_fail"):
    """Has a file packed, and fails then."""

    path: str
    disk: str

    def plan(self) -> Plan:
        disks = [{"image_id": "image-1", "path": self.disk}]
        data = {"path": self.path, "disks": disks}
        pack = external("packer", "Pack it", topic=PACK, data=data, can_undo=True)
        return sequence(pack, Fail())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(api_served, "KINDS", (*api_served.KINDS, Fail, PackThenFail))
    (tmp_path / "house").mkdir()
    with served(tmp_path / "house") as house:
        yield house


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    path = tmp_path / "exports"
    path.mkdir()
    return path


@pytest.fixture
def _packing(house: Served, exports: Path) -> Iterator[None]:
    """A packer at work."""
    token = house.tokens.create("packer-1", Role.VENDOR, vendor="packer")
    words = ["--url", house.url, "--token", token, "--vendor", "packer"]
    packer = Packer(read_orders([*words, "--directory", str(exports)]))
    thread = threading.Thread(target=packer.run)
    thread.start()
    yield
    packer.stop()
    thread.join(20)
    assert not thread.is_alive()


def _pack(exports: Path, path: Path, content: bytes = b"data of the disk") -> Command:
    disk = exports.parent / "disk"
    disk.write_bytes(content)
    data = {
        "path": str(path),
        "domain_xml": "<domain/>",
        "disks": [{"image_id": "image-1", "path": str(disk)}],
    }
    return external("packer", "Pack it", topic=PACK, data=data, can_undo=True)


def _ended(house: Served, command: Command) -> CommandEntity:
    command_id = house.stage.submit(command)
    house.stage.play()

    def is_over() -> bool:
        house.stage.turn(timedelta(seconds=1))
        return house.stage.orchestrator.get(command_id).status.is_final

    until(is_over, what="the end of the packing")
    return house.stage.orchestrator.get(command_id)


@pytest.mark.usefixtures("_packing")
def test_a_file_holds_the_description_and_the_disks(house: Served, exports: Path) -> None:
    path = exports / "deep" / "vm.ova"

    ended = _ended(house, _pack(exports, path))

    assert ended.status is Status.SUCCEEDED
    with tarfile.open(path) as archive:
        found: dict[str, Any] = {
            one.name: archive.extractfile(one).read()  # type: ignore[union-attr]
            for one in archive.getmembers()
        }
    assert found == {"vm.xml": b"<domain/>", "image-1.img": b"data of the disk"}
    assert sorted(one.name for one in path.parent.iterdir()) == ["vm.ova"]


@pytest.mark.usefixtures("_packing")
@pytest.mark.parametrize("where", ["elsewhere.ova", "exports/../elsewhere.ova", "exports"])
def test_nothing_is_written_outside_its_directory(house: Served, exports: Path, where: str) -> None:
    ended = _ended(house, _pack(exports, exports.parent / where))

    assert ended.status is Status.FAILED
    assert "where alone files are written" in str(ended.message)
    assert not (exports.parent / "elsewhere.ova").exists()


@pytest.mark.usefixtures("_packing")
def test_a_disk_that_cannot_be_read_leaves_no_file(house: Served, exports: Path) -> None:
    command = _pack(exports, exports / "vm.ova")
    (exports.parent / "disk").unlink()

    ended = _ended(house, command)

    assert ended.status is Status.FAILED
    assert "cannot be read here" in str(ended.message)
    assert list(exports.iterdir()) == []


@pytest.mark.usefixtures("_packing")
def test_a_volume_that_is_not_raw_needs_qemu_img(
    house: Served, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    ended = _ended(house, _pack(exports, exports / "vm.ova", b"QFI\xfb and more"))

    assert ended.status is Status.FAILED
    assert "install qemu-img" in str(ended.message)


@pytest.mark.usefixtures("_packing")
def test_what_was_packed_is_removed_when_a_later_part_fails(house: Served, exports: Path) -> None:
    disk = exports.parent / "disk"
    disk.write_bytes(b"data of the disk")
    path = exports / "vm.ova"

    ended = _ended(house, PackThenFail(path=str(path), disk=str(disk)))

    assert ended.status is Status.FAILED
    (packed,) = (
        one for one in house.stage.orchestrator.tree(ended.command_id) if one.label == "Pack it"
    )
    assert packed.status is Status.COMPENSATED
    assert list(exports.iterdir()) == []
