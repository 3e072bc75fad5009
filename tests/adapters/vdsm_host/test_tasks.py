"""Tasks of the pool's manager, from their start to their being forgotten. The tests make volumes of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.vdsm_host.foreign_client import ForeignClient
from tests.adapters.vdsm_host.target import BLANK, Storage, Target, eventually


def _long(storage: Storage, client: ForeignClient, target: Target) -> tuple[str, dict[str, Any]]:
    """Starts a task that takes some seconds, and waits until it runs."""
    params = storage.creation(size=str(target.long_bytes), preallocate=1)
    task_id = client.result("Volume.create", **params)
    eventually(
        lambda: client.result("Task.getStatus", taskID=task_id)["message"] == "running job 1 of 1"
    )
    return task_id, params


def test_a_volume_without_a_parent_is_made_with_the_blank_id(storage: Storage) -> None:
    volume = storage.create(srcImgUUID=BLANK, srcVolUUID=BLANK)

    info = storage.client.result("Volume.getInfo", **volume)
    assert (info["parent"], info["legality"], info["generation"]) == (BLANK, "LEGAL", 0)


def test_a_volume_without_a_parent_is_not_made_with_an_empty_id(storage: Storage) -> None:
    code, status = storage.outcome(
        "Volume.create", **storage.creation(srcImgUUID="", srcVolUUID="")
    )

    assert code == 202
    assert "Incorrect Volume format" in status["message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": 1 << 20}, 1000),
        ({"volFormat": 99}, 202),
        ({"diskType": "NONSENSE"}, 1000),
    ],
)
def test_a_volume_that_makes_no_sense_is_not_made(
    storage: Storage, changes: dict[str, Any], code: int
) -> None:
    assert storage.outcome("Volume.create", **storage.creation(**changes))[0] == code


def test_a_task_that_succeeds_says_so(storage: Storage, client: ForeignClient) -> None:
    task_id = client.result("Volume.create", **storage.creation())
    status = storage.ended(task_id)

    assert status == {
        "taskID": task_id,
        "taskState": "finished",
        "taskResult": "success",
        "code": 0,
        "message": "1 jobs completed successfully",
    }
    assert client.result("Host.getAllTasksStatuses")[task_id] == status
    assert client.result("Task.getInfo", taskID=task_id) == {"id": task_id, "verb": "createVolume"}
    assert client.result("Host.getAllTasks")[task_id]["tag"] == "spm"
    assert client.result("Task.clear", taskID=task_id) is True
    assert client.refusal("Task.getStatus", {"taskID": task_id})[0] == 401
    assert client.refusal("Task.clear", {"taskID": task_id})[0] == 401


def test_a_task_that_fails_is_rolled_back_and_says_why(storage: Storage) -> None:
    volume = storage.create()

    code, status = storage.outcome("Volume.create", **storage.creation(**volume))

    assert code == 212
    assert (status["taskState"], status["taskResult"]) == ("finished", "cleanSuccess")
    assert "abortedcode=212" in status["message"]
    assert storage.client.result("Volume.getInfo", **volume)["legality"] == "LEGAL"


def test_a_stopped_task_is_rolled_back_with_code_411(
    storage: Storage, client: ForeignClient, target: Target
) -> None:
    task_id, params = _long(storage, client, target)

    assert client.result("Task.stop", taskID=task_id) is True
    status = storage.ended(task_id)

    assert (status["taskResult"], status["code"]) == ("cleanSuccess", 411)
    assert status["message"] == f"value={task_id} abortedcode=411"
    place = {key: params[key] for key in storage.place("i", "v")}
    assert client.refusal("Volume.getInfo", place)[0] in (201, 254)
    assert client.result("Task.clear", taskID=task_id) is True


def test_a_second_stop_is_taken_or_answered_with_411(
    storage: Storage, client: ForeignClient, target: Target
) -> None:
    task_id, _ = _long(storage, client, target)

    client.result("Task.stop", taskID=task_id)
    reply = client.call("Task.stop", {"taskID": task_id})

    assert reply.get("result") is True or reply["error"]["code"] == 411
    storage.ended(task_id)
    assert client.result("Task.stop", taskID=task_id) is True, "one that has ended may be stopped"
    client.result("Task.clear", taskID=task_id)


def test_a_running_task_can_neither_be_cleared_nor_reverted(
    storage: Storage, client: ForeignClient, target: Target
) -> None:
    task_id, _ = _long(storage, client, target)

    cleared = client.refusal("Task.clear", {"taskID": task_id})
    reverted = client.refusal("Task.revert", {"taskID": task_id})
    client.result("Task.stop", taskID=task_id)

    told = 'Operation is not allowed in this task state: ("can\'t clean in state running",)'
    assert cleared == (410, told)
    assert reverted == (403, 'Task not finished: ("can\'t rollback in state running",)')
    storage.ended(task_id)
    client.result("Task.clear", taskID=task_id)


def test_the_success_of_a_task_with_references_is_not_reverted(
    storage: Storage, client: ForeignClient
) -> None:
    task_id = client.result("Volume.create", **storage.creation())
    storage.ended(task_id)

    code, text = client.refusal("Task.revert", {"taskID": task_id})

    assert code == 442
    assert "task has active references" in text.lower()
    client.result("Task.clear", taskID=task_id)


def test_an_image_that_was_deleted_is_gone_by_every_verb(
    storage: Storage, client: ForeignClient
) -> None:
    volume = storage.create()
    image = storage.place(volume["imageID"])
    deletion = {**image, "postZero": False, "force": False}

    first, status = storage.outcome("Image.delete", **deletion)

    assert (first, status["taskResult"]) == (0, "success")
    assert client.refusal("Image.delete", deletion)[0] == 268
    assert client.refusal("Volume.getInfo", volume)[0] == 254
    reply = client.call("Image.getVolumes", image)
    assert reply.get("result") == [] or reply["error"]["code"] in (254, 268)


def test_a_volume_with_a_child_is_not_deleted(storage: Storage, client: ForeignClient) -> None:
    base = storage.create()
    storage.overlay(base)

    code, status = storage.outcome("Volume.delete", **base, postZero=False, force=False)

    assert code != 0
    assert status.get("taskResult", "cleanSuccess") == "cleanSuccess"
    info = client.result("Volume.getInfo", **base)
    assert (info["legality"], info["voltype"]) == ("LEGAL", "INTERNAL")


def test_volumes_are_deleted_by_a_list(storage: Storage, client: ForeignClient) -> None:
    base = storage.create()
    top = storage.overlay(base)

    code, status = storage.outcome(
        "Image.deleteVolumes", **storage.place(base["imageID"]), volumeList=[top["volumeID"]]
    )

    assert (code, status["taskResult"]) == (0, "success")
    assert client.refusal("Volume.getInfo", top)[0] == 201
    assert client.result("Volume.getInfo", **base)["voltype"] == "LEAF"


def test_an_image_is_moved_to_another_domain_and_back(
    storage: Storage, client: ForeignClient, target: Target
) -> None:
    known = client.result("StoragePool.getInfo", storagepoolID=target.pool)["dominfo"]
    others = [one for one in known if one != target.domain]
    if not others:
        pytest.skip("the pool has one storage domain")
    volume = storage.create()
    there = {**volume, "storagedomainID": others[0]}

    for source, destination in ((volume, there), (there, volume)):
        image = {key: source[key] for key in source if key != "volumeID"}
        code, _ = storage.outcome(
            "Image.move",
            **image,
            dstSdUUID=destination["storagedomainID"],
            operation=2,
            postZero=False,
            force=False,
        )

        assert code == 0
        assert client.result("Volume.getInfo", **destination)["legality"] == "LEGAL"
        assert client.refusal("Volume.getInfo", source)[0] == 254


def test_a_volume_tells_all_that_vdsm_tells(storage: Storage, client: ForeignClient) -> None:
    volume = storage.create(desc="of the suite")

    info = client.result("Volume.getInfo", **volume)

    wanted = {
        "uuid": volume["volumeID"],
        "image": volume["imageID"],
        "domain": volume["storagedomainID"],
        "description": "of the suite",
        "disktype": "DATA",
        "voltype": "LEAF",
        "format": "RAW",
        "capacity": str(1 << 20),
    }
    assert {key: info[key] for key in wanted} == wanted
    assert {"lease", "mtime", "ctime", "sequence", "apparentsize", "truesize"} <= set(info)
    assert isinstance(info["generation"], int)
    place = {key: volume[key] for key in ("storagedomainID", "storagepoolID", "imageID")}
    assert client.result("StorageDomain.getVolumes", **place) == [volume["volumeID"]]
    images = client.result("StorageDomain.getImages", storagedomainID=volume["storagedomainID"])
    assert volume["imageID"] in images
    size = client.result("Volume.getSize", **volume)
    assert set(size) == {"apparentsize", "truesize"}
    assert client.result("Image.getVolumes", **storage.place(volume["imageID"])) == [
        volume["volumeID"]
    ]
