"""The commands against a real simulator: what they do, what they undo, what is on disk."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import Vdsm
from adapters.vdsm.commands import (
    CoalesceImage,
    CopyDisk,
    CreateSnapshot,
    LiveMigrateDisk,
    NotifyOwner,
    RapidClone,
    RememberVm,
    RemoveImage,
    RemoveSnapshot,
    RemoveVm,
    ShutDownVm,
    StopVm,
)
from adapters.vdsm.domain import Drive, parse_domain
from adapters.vdsm.settings import DOMAIN, VdsmSettings
from adapters.vdsm.simulator import SECOND_DOMAIN, Effect, Fault, seed
from orchestrator import Refused, Run
from orchestrator.core.external import ExternalTask
from tests.adapters.vdsm.player import PartFailedError, Player
from tests.adapters.vdsm.simulator_process import SimulatorProcess

SIZES = (30_000, 20_000)


class Given:
    """One running VM with two images."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        name = f"vm-{uuid4()}"
        seeded = seed(simulator.directory, vms={name: SIZES})
        self._simulator = simulator
        self.vm_id = seeded.vms[name]
        self.images = seeded.images[name]
        self.volumes = seeded.volumes

    def files(self, image_id: UUID, domain_id: UUID = DOMAIN) -> dict[str, bytes]:
        """Gives the volumes' data by volume id; empty when the image is not there."""
        image = self._simulator.directory / "domains" / str(domain_id) / "images" / str(image_id)
        if not image.is_dir():
            return {}
        return {one.name: one.read_bytes() for one in image.iterdir() if one.suffix != ".json"}

    def drives(self) -> tuple[Drive, ...]:
        """Gives the VM's disks as the host tells them."""
        found = self._simulator.ask("Host.dumpxmls", vmList=[str(self.vm_id)])
        return parse_domain(found[str(self.vm_id)]).drives


@pytest.fixture
def given(simulator: SimulatorProcess) -> Given:
    return Given(simulator)


def test_a_stopped_vm_may_be_stopped_again_and_is_booted_to_undo_it(
    vdsm: Vdsm, given: Given
) -> None:
    known = RememberVm(vm_id=given.vm_id).execute(vdsm)
    command = ShutDownVm(vm_id=given.vm_id)

    command.execute(vdsm)
    command.execute(vdsm)
    stopped = vdsm.machines().vm_status(given.vm_id)
    command.compensate(vdsm, known)
    command.compensate(vdsm, known)

    assert (stopped, vdsm.machines().vm_status(given.vm_id)) == ("Down", "Up")


def test_removing_a_vm_deletes_its_images_and_forgets_it(vdsm: Vdsm, given: Given) -> None:
    vdsm.outbox.open_mailbox("alice")
    player = Player(vdsm)

    player.play(RemoveVm(vm_id=given.vm_id, image_ids=given.images))

    assert [given.files(one) for one in given.images] == [{}, {}]
    assert not vdsm.machines().vm_exists(given.vm_id)
    assert vdsm.outbox.messages("alice") == (f"VM {given.vm_id} was removed",)


def test_an_owner_without_a_mailbox_does_not_keep_a_vm_from_being_removed(
    vdsm: Vdsm, given: Given
) -> None:
    player = Player(vdsm)

    player.play(RemoveVm(vm_id=given.vm_id, image_ids=given.images, notify="nobody"))

    assert player.failed == ["owner.notify"]
    assert not vdsm.machines().vm_exists(given.vm_id)


def test_a_vm_is_booted_again_when_an_image_cannot_be_removed(
    vdsm: Vdsm, given: Given, simulator: SimulatorProcess
) -> None:
    stuck = given.images[0]
    simulator.inject(Fault(verb="Image.delete", effect=Effect.FAIL_WORK, about=str(stuck)))
    player = Player(vdsm)

    with pytest.raises(PartFailedError):
        player.play(RemoveVm(vm_id=given.vm_id, image_ids=given.images))

    assert player.undone == ["vm.shut_down"]
    assert vdsm.machines().vm_status(given.vm_id) == "Up"
    assert given.files(stuck)


def test_a_removal_of_version_1_still_finishes() -> None:
    vm_id, image_id = str(uuid4()), str(uuid4())

    upgraded = RemoveVm.upgrades[1]({"vm_id": vm_id, "image_id": image_id})

    command = RemoveVm.model_validate(upgraded)
    assert command.image_ids == (UUID(image_id),)


def test_describing_the_removal_of_an_image_calls_nobody() -> None:
    away = Vdsm(VdsmSettings(address="nowhere.invalid:1"))

    task = RemoveImage(image_id=uuid4()).execute(away)

    assert (task.system, task.verb) == ("vdsm", "Image.delete")


def test_a_notification_that_is_sent_twice_arrives_once(vdsm: Vdsm) -> None:
    vdsm.outbox.open_mailbox("bob")
    run = Run(command_id=str(uuid4()), root_id="r", attempt=1, owner="bob")

    for _ in range(2):
        NotifyOwner(text="done").execute(vdsm, run)

    assert vdsm.outbox.messages("bob") == ("done",)


@pytest.mark.parametrize("owner", ["../alice", "", ".hidden", "a/b"])
def test_a_notification_stays_inside_the_outbox(vdsm: Vdsm, owner: str) -> None:
    with pytest.raises(Refused, match="cannot name a mailbox"):
        vdsm.outbox.deliver(owner, "text", message_id="1")


def test_a_snapshot_puts_the_vm_on_new_volumes(vdsm: Vdsm, given: Given) -> None:
    Player(vdsm).play(CreateSnapshot(vm_id=given.vm_id, image_ids=given.images))

    for image_id in given.images:
        base, overlay = vdsm.storage().chain(image_id)
        assert overlay.parent_id == base.address.volume_id == given.volumes[image_id]
        assert overlay.address in {one.volume for one in given.drives()}


def test_a_snapshot_that_fails_leaves_no_volume_and_a_thawed_guest(
    vdsm: Vdsm, given: Given, simulator: SimulatorProcess
) -> None:
    before = given.drives()
    simulator.inject(
        Fault(verb="VM.snapshot", effect=Effect.REFUSE, about=str(given.vm_id), code=48)
    )
    player = Player(vdsm)

    with pytest.raises(PartFailedError):
        player.play(CreateSnapshot(vm_id=given.vm_id, image_ids=given.images))

    assert player.undone == ["volume.create_overlay", "volume.create_overlay", "vm.freeze"]
    assert [len(vdsm.storage().chain(one)) for one in given.images] == [1, 1]
    assert given.drives() == before
    stored = json.loads((simulator.directory / "vms" / f"{given.vm_id}.json").read_text())
    assert stored["frozen"] is False


def test_a_copy_of_a_disk_has_the_same_data(vdsm: Vdsm, given: Given) -> None:
    source = given.images[0]
    Player(vdsm).play(CreateSnapshot(vm_id=given.vm_id, image_ids=(source,)))
    Player(vdsm).play(StopVm(vm_id=given.vm_id))
    command = CopyDisk(image_id=source, new_storage_domain_id=SECOND_DOMAIN)

    Player(vdsm).play(command)

    copied = given.files(command.new_image_id, SECOND_DOMAIN)
    assert sorted(copied.values()) == sorted(given.files(source).values())
    chain = vdsm.storage().chain(command.new_image_id, storage_domain_id=SECOND_DOMAIN)
    assert [one.generation for one in chain] == [1, 1]


def test_a_disk_that_a_running_vm_writes_to_is_not_copied(vdsm: Vdsm, given: Given) -> None:
    command = CopyDisk(image_id=given.images[0])

    with pytest.raises(Refused, match=f"VM {given.vm_id} runs and writes to disk"):
        command.validate(vdsm)


def test_a_copy_that_fails_midway_leaves_nothing(
    vdsm: Vdsm, given: Given, simulator: SimulatorProcess
) -> None:
    Player(vdsm).play(StopVm(vm_id=given.vm_id))
    command = CopyDisk(image_id=given.images[0])
    about = str(command.new_image_id)
    simulator.inject(Fault(verb="SDM.copy_data", effect=Effect.FAIL_WORK, about=about, at=0.5))
    player = Player(vdsm)

    with pytest.raises(PartFailedError, match="injected fault"):
        player.play(command)

    assert player.undone == ["volume.create"]
    assert given.files(command.new_image_id) == {}
    assert given.files(command.image_id)


def test_a_live_migrated_disk_is_in_the_other_domain_only(vdsm: Vdsm, given: Given) -> None:
    image_id = given.images[0]
    data = given.files(image_id)

    Player(vdsm).play(
        LiveMigrateDisk(vm_id=given.vm_id, image_id=image_id, new_storage_domain_id=SECOND_DOMAIN)
    )

    assert given.files(image_id) == {}
    assert given.files(image_id, SECOND_DOMAIN) == data
    drive = given.drives()[0]
    assert drive.volume is not None
    place = str(drive.volume.storage_domain_id), str(drive.volume.volume_id)
    assert place == (str(SECOND_DOMAIN), next(iter(data)))
    assert drive.mirror is None


@pytest.mark.parametrize(
    "method", ["VM.diskReplicateStart", "SDM.copy_data", "VM.diskReplicateFinish"]
)
def test_a_live_migration_that_fails_leaves_the_disk_where_it_was(
    vdsm: Vdsm, given: Given, simulator: SimulatorProcess, method: str
) -> None:
    image_id = given.images[0]
    data, drives = given.files(image_id), given.drives()
    effect = Effect.FAIL_WORK if method.startswith("SDM") else Effect.REFUSE
    fault = Fault(verb=method, effect=effect, about=str(image_id), code=55, times=1)
    simulator.inject(fault)
    player = Player(vdsm)

    with pytest.raises(PartFailedError):
        player.play(
            LiveMigrateDisk(
                vm_id=given.vm_id, image_id=image_id, new_storage_domain_id=SECOND_DOMAIN
            )
        )

    assert given.files(image_id) == data
    assert given.files(image_id, SECOND_DOMAIN) == {}
    assert given.drives() == drives
    assert "vm.snapshot.take" in player.undone


def test_a_disk_is_not_migrated_to_where_it_is(vdsm: Vdsm, given: Given) -> None:
    command = LiveMigrateDisk(
        vm_id=given.vm_id, image_id=given.images[0], new_storage_domain_id=DOMAIN
    )

    with pytest.raises(Refused, match="is in storage domain"):
        command.validate(vdsm)


def _rapid_clone(given: Given) -> RapidClone:
    return RapidClone(
        vm_id=given.vm_id,
        image_ids=given.images,
        name=f"clone-of-{given.vm_id}",
        lun_id="360a98000",
        vendor="netapp",
    )


def test_a_rapid_clone_coalesces_the_disks_and_boots_the_clone(vdsm: Vdsm, given: Given) -> None:
    Player(vdsm).play(CreateSnapshot(vm_id=given.vm_id, image_ids=given.images))
    command = _rapid_clone(given)
    asked: list[str] = []

    def vendor(task: ExternalTask) -> bool:
        asked.append(task.description)
        return True

    Player(vdsm, vendor=vendor).play(command)

    assert asked == [
        f"Clone the disks of VM {given.vm_id}",
        "Update the metadata on LUN 360a98000",
    ]
    assert [len(vdsm.storage().chain(one)) for one in given.images] == [1, 1]
    assert vdsm.machines().vm_status(given.vm_id) == "Down"
    assert vdsm.machines().vm_status(command.new_vm_id) == "Up"
    vdsm.machines().attach_lun(command.new_vm_id, "360a98000")  # attached already


def test_a_rapid_clone_boots_the_vm_again_when_the_vendor_fails(vdsm: Vdsm, given: Given) -> None:
    command = _rapid_clone(given)
    player = Player(vdsm, vendor=lambda task: "metadata" not in task.description)

    with pytest.raises(PartFailedError):
        player.play(command)

    assert vdsm.machines().vm_status(given.vm_id) == "Up"
    assert not vdsm.machines().vm_exists(command.new_vm_id)


@pytest.mark.parametrize("runs", [True, False])
def test_a_removed_snapshot_leaves_one_volume_with_the_data(
    vdsm: Vdsm, given: Given, *, runs: bool
) -> None:
    before = [given.files(one) for one in given.images]
    taken = CreateSnapshot(vm_id=given.vm_id, image_ids=given.images)
    Player(vdsm).play(taken)
    if not runs:
        Player(vdsm).play(StopVm(vm_id=given.vm_id))

    Player(vdsm).play(
        RemoveSnapshot(vm_id=given.vm_id, image_ids=given.images, snapshot_id=taken.snapshot_id)
    )

    assert [given.files(one) for one in given.images] == before
    assert all(one.is_legal for image in given.images for one in vdsm.storage().chain(image))
    if runs:
        assert {one.volume.volume_id for one in given.drives() if one.volume} == set(
            given.volumes.values()
        )


def test_a_chain_of_four_is_merged_into_one(vdsm: Vdsm, given: Given) -> None:
    image_id = given.images[0]
    before = given.files(image_id)
    for _ in range(3):
        Player(vdsm).play(CreateSnapshot(vm_id=given.vm_id, image_ids=(image_id,)))
    Player(vdsm).play(StopVm(vm_id=given.vm_id))

    Player(vdsm).play(CoalesceImage(image_id=image_id))

    assert given.files(image_id) == before


def test_a_merge_that_fails_leaves_a_chain_that_can_be_used(
    vdsm: Vdsm, given: Given, simulator: SimulatorProcess
) -> None:
    image_id = given.images[0]
    Player(vdsm).play(CreateSnapshot(vm_id=given.vm_id, image_ids=(image_id,)))
    Player(vdsm).play(StopVm(vm_id=given.vm_id))
    simulator.inject(Fault(verb="SDM.merge", effect=Effect.FAIL_WORK, about=str(image_id), at=0.0))
    player = Player(vdsm)

    with pytest.raises(PartFailedError):
        player.play(CoalesceImage(image_id=image_id))

    chain = vdsm.storage().chain(image_id)
    assert player.undone == ["volume.prepare_merge"]
    assert (len(chain), {one.is_legal for one in chain}) == (2, {True})
