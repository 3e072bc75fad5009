"""What a flow leaves when someone else's part fails, when it is stopped, when a host never comes back."""

from __future__ import annotations

from typing import Any

from adapters.vdsm.commands import CreateSnapshot, RemoveSnapshot
from adapters.vdsm.settings import DOMAIN
from adapters.vdsm.simulator import SECOND_DOMAIN, Effect, Fault
from orchestrator import TaskStatus
from orchestrator.core.status import Status
from tests.stories.vdsm.flows import backup_vm, copy_disk, export_ova, import_vm
from tests.stories.vdsm.house import PoolHouse

OUTSIDE_READ = "backup.read"


def test_a_backup_whose_client_fails_is_closed_and_leaves_no_scratch_disk(house: PoolHouse) -> None:
    played = backup_vm(house)
    before = house.fingerprint()
    house.vendor = lambda task: TaskStatus.FAILED

    ended = house.run(played.command)

    assert ended.status is Status.FAILED
    assert house.fingerprint() == before
    assert not list((house.directory / "backups").glob("*/*"))


def test_a_backup_waits_for_its_client_as_long_as_that_takes(house: PoolHouse) -> None:
    played = backup_vm(house)
    client, house.vendor = house.vendor, lambda task: None

    waiting = house.run(played.command, until=house.begun(OUTSIDE_READ))
    house.go_on(waiting.command_id, until=house.pause(200))
    assert house.stage.orchestrator.get(waiting.command_id).status is Status.WAITING
    house.vendor = client
    ended = house.go_on(waiting.command_id)

    assert ended.status is Status.SUCCEEDED
    played.succeeded()


def test_a_stopped_backup_is_closed(house: PoolHouse) -> None:
    played = backup_vm(house)
    before = house.fingerprint()
    house.vendor = lambda task: None
    waiting = house.run(played.command, until=house.begun(OUTSIDE_READ))

    house.stage.orchestrator.stop(waiting.command_id, "not tonight")
    ended = house.go_on(waiting.command_id)

    assert ended.status is Status.STOPPED
    assert house.fingerprint() == before
    assert not list((house.directory / "backups").glob("*/*"))


def test_a_backup_goes_on_while_the_host_is_restarted(house: PoolHouse) -> None:
    played = backup_vm(house)
    client, house.vendor = house.vendor, lambda task: None
    waiting = house.run(played.command, until=house.begun(OUTSIDE_READ))

    house.hosts[0].kill()
    house.hosts[0].start()
    house.vendor = client
    ended = house.go_on(waiting.command_id)

    assert ended.status is Status.SUCCEEDED
    played.succeeded()


def test_an_export_whose_packer_fails_leaves_the_vm_as_it_was(house: PoolHouse) -> None:
    played = export_ova(house)
    before = house.fingerprint()
    house.vendor = lambda task: TaskStatus.FAILED

    ended = house.run(played.command)

    assert ended.status is Status.FAILED
    assert house.fingerprint() == before


def test_a_stopped_import_is_aborted_and_its_disks_are_deleted(house: PoolHouse) -> None:
    played = import_vm(house)
    before = house.fingerprint()
    house.inject(Fault(verb="Host.convertExternalVm", effect=Effect.SLOW_WORK, seconds=60))
    running = house.run(played.command, until=house.begun("Host.convertExternalVm"))

    house.stage.orchestrator.stop(running.command_id, "the wrong VM")
    ended = house.go_on(running.command_id)
    house.tidy_up(turns=10)

    assert ended.status is Status.STOPPED
    assert house.fingerprint() == before
    jobs = [one.ask("Host.getStats")["v2vJobs"] for one in house.hosts]
    assert jobs == [{}, {}], "the host was told to forget it"


def test_an_import_from_nowhere_is_refused_with_the_names_that_are_known(house: PoolHouse) -> None:
    command: Any = import_vm(house).command
    ended = house.run(command.model_copy(update={"source": "elsewhere"}))

    assert ended.status is Status.FAILED
    assert "no source 'elsewhere' is configured (vcenter)" in str(ended.message)


def test_a_copy_of_a_host_that_never_comes_back_is_taken_from_it(house: PoolHouse) -> None:
    played = copy_disk(house)
    before = house.fingerprint()
    running = house.run(played.command, until=house.begun("SDM.copy_data"))
    tree = house.stage.orchestrator.tree(running.command_id)
    (at_work,) = (
        one
        for one in house.stage.orchestrator.tasks([one.command_id for one in tree])
        if one.verb == "SDM.copy_data"
    )
    for host in house.hosts:
        if at_work.detail["host"].endswith(f":{host.port}"):
            host.kill()

    ended = house.go_on(running.command_id)

    assert ended.status is Status.FAILED, house.told(running.command_id)
    assert "another took the volume" in house.told(running.command_id)
    assert house.fingerprint() == before
    assert house.files(played.command.new_image_id, SECOND_DOMAIN) == {}  # type: ignore[attr-defined]


def test_a_merged_volume_that_could_not_be_deleted_is_never_merged_again(house: PoolHouse) -> None:
    vm = house.vm(50_000)
    (image_id,) = vm.images
    first, second = (CreateSnapshot(vm_id=vm.id, image_ids=vm.images) for _ in range(2))
    for one in (first, second):
        assert house.run(one).status is Status.SUCCEEDED
    base, middle, top = house.vdsm.storage().chain(image_id)
    written = house.directory / "domains" / str(DOMAIN) / "images" / str(image_id)
    (written / str(middle.address.volume_id)).write_bytes(b"written before")
    house.vdsm.machines().stop_vm(vm.id)
    house.inject(Fault(verb="Volume.delete", effect=Effect.FAIL_WORK, times=3, at=0.0))
    removal = RemoveSnapshot(vm_id=vm.id, image_ids=vm.images, snapshot_id=first.snapshot_id)
    failed = house.run(removal)

    left = house.vdsm.storage().chain(image_id)
    merged = house.files(image_id)[str(base.address.volume_id)]
    (written / str(base.address.volume_id)).write_bytes(b"written since")
    again = house.run(removal)

    assert failed.status is Status.FAILED
    assert merged.startswith(b"written before")
    assert [one.address for one in left] == [base.address, top.address], "the chain is whole"
    assert again.status is Status.SUCCEEDED
    assert house.files(image_id)[str(base.address.volume_id)] == b"written since"
    assert str(middle.address.volume_id) not in house.files(image_id)


def test_the_middle_of_a_chain_of_four_is_merged_while_the_vm_is_down(house: PoolHouse) -> None:
    vm = house.vm(50_000)
    (image_id,) = vm.images
    taken = [CreateSnapshot(vm_id=vm.id, image_ids=vm.images) for _ in range(3)]
    for one in taken:
        assert house.run(one).status is Status.SUCCEEDED
    base, first, second, third = house.vdsm.storage().chain(image_id)
    house.vdsm.machines().stop_vm(vm.id)

    ended = house.run(
        RemoveSnapshot(vm_id=vm.id, image_ids=vm.images, snapshot_id=taken[1].snapshot_id)
    )

    assert ended.status is Status.SUCCEEDED
    left = house.vdsm.storage().chain(image_id)
    assert [one.address for one in left] == [base.address, first.address, third.address]
    assert {one.is_legal for one in left} == {True}
    assert str(second.address.volume_id) not in house.files(image_id)
