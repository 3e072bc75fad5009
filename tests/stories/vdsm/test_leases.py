"""A VM that holds leases on its volumes: what cannot be done while it runs is refused before anything is."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from adapters.vdsm.client import VdsmError
from adapters.vdsm.commands import CreateSnapshot, LiveMigrateDisk
from adapters.vdsm.domain import Domain, Lease, domain_xml
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import SECOND_DOMAIN
from orchestrator import Command
from orchestrator.core.status import Status
from tests.adapters.contract import eventually
from tests.stories.vdsm.house import PoolHouse, SeededVm


@pytest.fixture
def leased(house: PoolHouse) -> SeededVm:
    """A running VM of one disk, with a lease on its volume."""
    vm = house.vm(50_000)
    path = house.directory / "vms" / f"{vm.id}.json"
    (volume_id,) = house.files(vm.images[0])
    lease = Lease(lockspace=str(DOMAIN), key=volume_id)
    domain = Domain(vm_id=vm.id, name="leased", drives=vm.drives(), leases=(lease,))
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "xml": domain_xml(domain, pool_id=POOL)}))
    return vm


@pytest.mark.parametrize("kind", [CreateSnapshot, LiveMigrateDisk])
def test_a_leased_disk_is_refused_before_anything_is_touched(
    house: PoolHouse, leased: SeededVm, kind: type[Command]
) -> None:
    before = house.fingerprint()
    fields = {
        "vm_id": leased.id,
        "image_ids": leased.images,
        "image_id": leased.images[0],
        "new_storage_domain_id": SECOND_DOMAIN,
    }
    command = kind.model_validate({key: fields[key] for key in fields if key in kind.model_fields})

    ended = house.run(command)

    assert ended.status is Status.FAILED
    assert "runs with a lease on volume" in house.told(ended.command_id)
    assert house.fingerprint() == before
    assert house.hosts[0].count("VM.freeze") == 0


def test_a_disk_whose_vm_is_down_is_leased_by_nobody(house: PoolHouse, leased: SeededVm) -> None:
    house.vdsm.machines().stop_vm(leased.id)

    house.vdsm.machines().check_unleased(leased.id, leased.images)


def test_a_host_refuses_what_we_would_not_ask(house: PoolHouse, leased: SeededVm) -> None:
    (volume,) = leased.addresses()
    drive = {
        "domainID": str(volume.storage_domain_id),
        "imageID": str(volume.image_id),
        "volumeID": str(UUID(int=1)),
        "baseVolumeID": str(volume.volume_id),
    }

    with pytest.raises(VdsmError) as caught:
        house.hosts[0].ask("VM.snapshot", vmID=str(leased.id), snapDrives=[drive])

    assert (caught.value.code, caught.value.text) == (44, "Not implemented")


def test_a_job_cannot_write_to_a_volume_that_a_running_vm_leases(
    house: PoolHouse, leased: SeededVm
) -> None:
    (volume,) = leased.addresses()
    place = {
        "endpoint_type": "div",
        "sd_id": str(volume.storage_domain_id),
        "img_id": str(volume.image_id),
        "vol_id": str(volume.volume_id),
    }
    job_id = str(UUID(int=7))

    host = house.hosts[0]
    host.ask("SDM.update_volume", job_id=job_id, vol_info=place, vol_attr={"description": "mine"})

    job = eventually(
        lambda: (found := host.ask("Host.getJobs")[job_id])["status"] == "failed" and found
    )
    assert job["error"]["code"] == 651
