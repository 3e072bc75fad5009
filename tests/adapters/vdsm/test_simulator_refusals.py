"""What the simulated host refuses, as the real one does: a lenient one would hide a loss of data."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.vdsm import VdsmError
from adapters.vdsm.client import RoleError
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import seed
from tests.adapters.vdsm.simulator_process import SimulatorProcess
from tests.adapters.vdsm.volumes import BLANK, PLACE, ended, new_volume


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"srcVolUUID": "", "srcImgUUID": ""}, 202),
        ({"size": 4096}, 1000),
        ({"volFormat": 99}, 202),
        ({"diskType": "PAPER"}, 1000),
    ],
)
def test_a_volume_that_vdsm_would_not_make_is_refused(
    simulator: SimulatorProcess, changes: dict[str, Any], code: int
) -> None:
    with pytest.raises(VdsmError) as caught:
        simulator.ask("Volume.create", **new_volume(**changes))

    assert caught.value.code == code


def test_a_volume_with_a_child_is_not_deleted(simulator: SimulatorProcess) -> None:
    base = new_volume()
    ended(simulator, simulator.ask("Volume.create", **base))
    child = new_volume(
        imageID=base["imageID"],
        volFormat=4,
        srcImgUUID=base["imageID"],
        srcVolUUID=base["volumeID"],
    )
    ended(simulator, simulator.ask("Volume.create", **child))
    place = {name: base[name] for name in PLACE}

    status = ended(simulator, simulator.ask("Volume.delete", **place, postZero=False, force=False))

    assert (status["taskResult"], status["code"]) == ("cleanSuccess", 204)
    info = simulator.ask("Volume.getInfo", **place)
    assert (info["voltype"], info["children"]) == ("INTERNAL", [child["volumeID"]])


def test_what_is_gone_is_told_by_the_code_that_vdsm_has_for_it(simulator: SimulatorProcess) -> None:
    place = {name: new_volume()[name] for name in PLACE}

    with pytest.raises(VdsmError) as caught:
        simulator.ask("Volume.getInfo", **place)

    assert caught.value.code == 254
    del place["volumeID"]
    assert simulator.ask("Image.getVolumes", **place) == []


@pytest.mark.parametrize(
    ("vm_params", "code"), [({}, 100), ({"xml": "<domain/>"}, 100), ({"xml": "no xml"}, 100)]
)
def test_a_vm_is_made_from_domain_xml_and_nothing_else(
    simulator: SimulatorProcess, vm_params: dict[str, str], code: int
) -> None:
    with pytest.raises(VdsmError) as caught:
        simulator.ask("VM.create", vmID=str(uuid4()), vmParams=vm_params)

    assert caught.value.code == code


def test_a_full_list_of_vms_tells_of_no_devices(simulator: SimulatorProcess) -> None:
    name = f"vm-{uuid4()}"
    vm_id = str(seed(simulator.directory, vms={name: (10,)}).vms[name])

    (found,) = simulator.ask("Host.getVMFullList", vmList=[vm_id])

    assert found.keys() == {"vmId", "status", "statusTime"}


def test_an_update_of_nothing_is_refused(simulator: SimulatorProcess) -> None:
    where = {"endpoint_type": "div", "sd_id": str(DOMAIN), "img_id": BLANK, "vol_id": BLANK}

    with pytest.raises(VdsmError) as caught:
        simulator.ask("SDM.update_volume", job_id=str(uuid4()), vol_info=where, vol_attr={})

    assert caught.value.code == 100


def test_an_ended_task_cannot_be_reverted_while_it_is_referred_to(
    simulator: SimulatorProcess,
) -> None:
    task_id = simulator.ask("Volume.create", **new_volume())
    ended(simulator, task_id)

    with pytest.raises(VdsmError) as caught:
        simulator.ask("Task.revert", taskID=task_id)

    assert caught.value.code == 442


def test_what_asks_the_manager_is_refused_where_it_is_not(tmp_path: Path) -> None:
    seed(tmp_path, vms={})
    simulator = SimulatorProcess(tmp_path, connected=False)
    try:
        with pytest.raises(RoleError) as not_managing:
            simulator.ask("Host.getAllTasksStatuses")
        with pytest.raises(RoleError) as not_connected:
            simulator.ask("StoragePool.getSpmStatus", storagepoolID=str(POOL))

        assert (not_managing.value.code, not_connected.value.code) == (654, 309)
        assert simulator.ask("Host.getJobs") == {}
    finally:
        simulator.kill()
