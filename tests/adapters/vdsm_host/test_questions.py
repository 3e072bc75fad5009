"""What a host answers without anything being changed: words and codes of its own."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.vdsm_host.foreign_client import ForeignClient
from tests.adapters.vdsm_host.target import BLANK, Target

pytestmark = pytest.mark.harmless

GONE = str(uuid4())


def _in_pool(target: Target, **more: str) -> dict[str, Any]:
    return {
        "storagepoolID": target.pool,
        "storagedomainID": target.domain,
        "imageID": GONE,
        **more,
    }


@pytest.mark.parametrize("verb", ["Image.getVolumesList", "Job.abort", "Nothing.atAll", "ping"])
def test_a_verb_that_there_is_not_is_named(client: ForeignClient, verb: str) -> None:
    code, text = client.refusal(verb)

    assert code == -32601
    assert text == f"The method does not exist or is not available: {{'method': '{verb}'}}"


def test_a_missing_parameter_is_an_internal_error(client: ForeignClient) -> None:
    code, text = client.refusal("Task.getStatus")

    assert code == -32603
    assert text.startswith("Internal JSON-RPC error: {'reason': ")


def test_what_is_no_json_is_a_parse_error(client: ForeignClient) -> None:
    client.request(b"{")

    answer = client.receive()
    assert answer is not None
    assert json.loads(answer[2])["error"]["code"] == -32700


def test_a_request_of_another_version_is_refused_twice(client: ForeignClient) -> None:
    client.request({"jsonrpc": "1.0", "method": "Host.ping2", "params": {}, "id": "one"})

    answers = [client.receive() for _ in range(2)]

    assert [json.loads(one[2])["error"]["code"] for one in answers if one] == [-32600, -32600]


def test_a_notification_has_no_answer(client: ForeignClient) -> None:
    client.request({"jsonrpc": "2.0", "method": "Host.ping2", "params": {}})

    assert client.result("Host.ping2") is True
    assert client.others == []


def test_parameters_as_a_list_are_taken_by_position(client: ForeignClient) -> None:
    assert client.refusal("Task.getStatus", ["a.b"])[0] == 1000


@pytest.mark.parametrize("verb", ["getStatus", "getInfo", "stop", "clear", "revert"])
def test_an_unknown_task_is_401(client: ForeignClient, verb: str) -> None:
    assert client.refusal(f"Task.{verb}", {"taskID": GONE}) == (
        401,
        f"Task id unknown: ('{GONE}',)",
    )


@pytest.mark.parametrize("task_id", ["a.b", ""])
def test_an_impossible_task_id_is_1000(client: ForeignClient, task_id: str) -> None:
    code, text = client.refusal("Task.getStatus", {"taskID": task_id})

    assert (code, text) == (1000, f"Invalid parameter: 'taskID={task_id}'")


def test_a_task_id_that_is_no_text_is_a_general_error(client: ForeignClient) -> None:
    code, text = client.refusal("Task.getStatus", {"taskID": 7})

    assert code == 100
    assert "argument of type 'int' is not iterable" in text


def test_listings_are_maps_by_task(client: ForeignClient) -> None:
    statuses = client.result("Host.getAllTasksStatuses")
    infos = client.result("Host.getAllTasksInfo")
    tasks = client.result("Host.getAllTasks")

    for found, names in (
        (statuses, {"taskID", "taskState", "taskResult", "code", "message"}),
        (infos, {"id", "verb"}),
        (tasks, {"id", "verb", "state", "code", "message", "result", "tag"}),
    ):
        assert all(set(one) == names for one in found.values())


def test_unknown_jobs_are_simply_absent(client: ForeignClient) -> None:
    assert client.result("Host.getJobs", job_type="storage", job_ids=[GONE]) == {}


@pytest.mark.parametrize("verb", ["Host.abortV2VJob", "Host.deleteV2VJob", "Host.getConvertedVm"])
def test_a_conversion_that_there_is_not_is_66(client: ForeignClient, verb: str) -> None:
    assert client.refusal(verb, {"jobid": GONE}) == (66, "Job Id does not exists")


def test_an_image_that_is_gone_has_no_volumes_or_is_254_or_268(
    client: ForeignClient, target: Target
) -> None:
    reply = client.call("Image.getVolumes", _in_pool(target))

    assert reply.get("result") == [] or reply["error"]["code"] in (254, 268)


def test_a_volume_of_an_image_that_is_gone_is_254(client: ForeignClient, target: Target) -> None:
    code, text = client.refusal("Volume.getInfo", _in_pool(target, volumeID=GONE))

    assert code == 254
    assert text.startswith("Image path does not exist or cannot be accessed/created")


def test_a_domain_that_there_is_not_is_358(client: ForeignClient, target: Target) -> None:
    params = _in_pool(target, volumeID=GONE, storagedomainID=GONE)

    code, text = client.refusal("Volume.getInfo", params)

    assert (code, text) == (358, f"Storage domain does not exist: ('{GONE}',)")


def test_a_pool_that_the_host_is_not_connected_to_is_309(
    client: ForeignClient, target: Target
) -> None:
    params = _in_pool(target, storagepoolID=GONE)

    code, text = client.refusal("Image.delete", {**params, "postZero": False, "force": False})

    assert code == 309
    assert text.startswith("Unknown pool id, pool not connected")


def test_the_removal_of_an_image_that_is_gone_is_268_at_once(
    client: ForeignClient, target: Target
) -> None:
    params = {**_in_pool(target), "postZero": False, "force": False}

    code, text = client.refusal("Image.delete", params)

    assert code == 268
    assert text.startswith("Image does not exist in domain")


def test_the_host_tells_its_pool_and_who_manages_it(client: ForeignClient, target: Target) -> None:
    assert target.pool in client.result("Host.getConnectedStoragePools")
    status = client.result("StoragePool.getSpmStatus", storagepoolID=target.pool)
    assert set(status) == {"spmStatus", "spmId", "spmLver"}
    info = client.result("StoragePool.getInfo", storagepoolID=target.pool)
    assert {"info", "dominfo"} <= set(info)
    assert target.domain in info["dominfo"]


def test_the_domain_tells_of_itself(client: ForeignClient, target: Target) -> None:
    info = client.result("StorageDomain.getInfo", storagedomainID=target.domain)
    stats = client.result("StorageDomain.getStats", storagedomainID=target.domain)

    assert info["uuid"] == target.domain
    assert {"type", "class", "role", "pool", "version"} <= set(info)
    assert {"disktotal", "diskfree"} <= set(stats)


def test_a_vm_that_there_is_not_is_1(client: ForeignClient) -> None:
    code, text = client.refusal("VM.getStats", {"vmID": GONE})

    assert code == 1
    assert text.startswith("Virtual machine does not exist")


@pytest.mark.parametrize("verb", ["VM.getInfo", "VM.shutdown", "VM.destroy", "VM.freeze"])
def test_any_verb_on_a_vm_that_there_is_not_is_1(client: ForeignClient, verb: str) -> None:
    assert client.refusal(verb, {"vmID": GONE})[0] == 1


def test_the_statistics_of_all_vms_are_a_list(client: ForeignClient) -> None:
    found = client.result("Host.getAllVmStats")

    assert all({"vmId", "status"} <= set(one) for one in found)


def test_a_vm_is_made_from_domain_xml_alone(client: ForeignClient) -> None:
    params = {"vmID": GONE, "vmParams": {"vmId": GONE, "memSize": 1024}}

    assert client.refusal("VM.create", params) == (100, "General Exception: (\"'xml'\",)")


def test_a_full_list_of_vms_tells_of_no_devices(client: ForeignClient) -> None:
    found = client.result("Host.getVMFullList")

    assert all(set(one) <= {"vmId", "status", "statusTime"} for one in found)


def test_a_host_tells_its_conversions_in_its_statistics(client: ForeignClient) -> None:
    assert isinstance(client.result("Host.getStats")["v2vJobs"], dict)


def test_blank_is_the_id_of_nothing() -> None:
    assert BLANK == "00000000-0000-0000-0000-000000000000"
