"""Jobs of a host: under an id of ours, fenced by generation, told by events. The tests make volumes of their own."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

from tests.adapters.vdsm_host.foreign_client import EVENTS, ForeignClient
from tests.adapters.vdsm_host.target import Storage, Target, endpoint, eventually


def _copy(
    storage: Storage, source: dict[str, str], target: dict[str, str], generation: int | None = None
) -> str:
    """Starts a copy and gives the job's id."""
    more = {} if generation is None else {"generation": generation}
    job_id = str(uuid4())
    assert (
        storage.client.result(
            "SDM.copy_data",
            job_id=job_id,
            source=endpoint(source),
            destination=endpoint(target, **more),
        )
        is True
    )
    return job_id


def test_a_copy_is_done_under_our_id_and_counts_the_generation_on(storage: Storage) -> None:
    source, destination = storage.create(), storage.create()

    job_id = _copy(storage, source, destination, 0)
    info = storage.job(job_id)

    wanted = {"id": job_id, "status": "done", "description": "copy_data", "job_type": "storage"}
    assert {key: info[key] for key in wanted} == wanted
    assert float(info["progress"]) == 100.0
    assert storage.generation(destination) == 1


def test_two_good_copies_count_the_generation_on_twice(storage: Storage) -> None:
    source, destination = storage.create(), storage.create()

    for generation in (0, 1):
        assert storage.job(_copy(storage, source, destination, generation))["status"] == "done"

    assert storage.generation(destination) == 2


def test_a_copy_of_an_old_generation_fails_with_911(storage: Storage) -> None:
    source, destination = storage.create(), storage.create()
    storage.job(_copy(storage, source, destination, 0))

    info = storage.job(_copy(storage, source, destination, 0))

    assert (info["status"], info["error"]["code"]) == ("failed", 911)
    assert "'requested=0, actual=1'" in info["error"]["message"]
    assert storage.generation(destination) == 1


def test_a_job_id_is_used_once(storage: Storage, client: ForeignClient) -> None:
    source, destination = storage.create(), storage.create()
    job_id = _copy(storage, source, destination)
    params = {
        "job_id": job_id,
        "source": endpoint(source),
        "destination": endpoint(destination),
    }

    code, text = client.refusal("SDM.copy_data", params)

    assert code == 100
    assert f"Job '{job_id}' exists" in text
    storage.job(job_id)


def test_a_running_copy_can_be_ended_by_nobody(
    storage: Storage, client: ForeignClient, target: Target
) -> None:
    size = str(target.long_bytes)
    source = storage.create(size=size, preallocate=1)
    destination = storage.create(size=size)
    job_id = _copy(storage, source, destination, 0)

    assert client.refusal("Host.abortV2VJob", {"jobid": job_id})[0] == 66
    assert client.refusal("Host.deleteV2VJob", {"jobid": job_id})[0] == 66
    assert client.refusal("Job.abort", {"jobID": job_id})[0] == -32601
    fence = str(uuid4())
    client.result(
        "SDM.update_volume",
        job_id=fence,
        vol_info=endpoint(destination, generation=0),
        vol_attr={"generation": 500},
    )

    assert storage.job(job_id)["status"] == "done", "it runs to its end and succeeds"
    assert storage.job(fence)["error"]["code"] == 911, "the fence waited for the copy's lock"
    assert storage.generation(destination) == 1


def test_an_update_of_nothing_is_a_general_error(storage: Storage, client: ForeignClient) -> None:
    volume = storage.create()
    job_id = str(uuid4())
    params = {"job_id": job_id, "vol_info": endpoint(volume), "vol_attr": {}}

    reply = client.call("SDM.update_volume", params)

    if "error" in reply:
        assert reply["error"]["code"] == 100
    else:
        assert storage.job(job_id)["error"]["code"] == 100


def test_a_job_is_a_task_too_seen_only_in_the_list_of_all(
    storage: Storage, client: ForeignClient
) -> None:
    source, destination = storage.create(), storage.create()
    before = set(client.result("Host.getAllTasks"))
    statuses = set(client.result("Host.getAllTasksStatuses"))

    storage.job(_copy(storage, source, destination))

    tasks = client.result("Host.getAllTasks")
    new = [tasks[one] for one in set(tasks) - before]
    assert [one["tag"] for one in new] == ["sdm"]
    assert set(client.result("Host.getAllTasksStatuses")) == statuses


def test_the_end_of_a_job_is_an_event(storage: Storage, target: Target) -> None:
    source, destination = storage.create(), storage.create()
    listening = target.client()
    listening.subscribe(EVENTS)
    listening.result("Host.ping2")

    job_id = _copy(storage, source, destination)

    event = _event(listening, f"|jobs|status|{job_id}")
    listening.close()
    assert event["status"] == "done"
    assert {"id", "description", "job_type", "notify_time"} <= set(event)


def test_the_failure_of_a_job_is_an_event_too(storage: Storage, target: Target) -> None:
    source, destination = storage.create(), storage.create()
    listening = target.client()
    listening.subscribe(EVENTS)
    listening.result("Host.ping2")

    job_id = _copy(storage, source, destination, 77)

    event = _event(listening, f"|jobs|status|{job_id}")
    listening.close()
    assert (event["status"], event["error"]["code"]) == ("failed", 911)


def test_a_second_verb_on_an_image_answers_when_the_first_has_ended(
    storage: Storage, target: Target
) -> None:
    params = storage.creation(size=str(target.long_bytes), preallocate=1)
    first = storage.client.result("Volume.create", **params)
    begun = time.monotonic()

    code, _ = storage.outcome(
        "Image.delete", **storage.place(params["imageID"]), postZero=False, force=False
    )

    assert code == 0
    assert time.monotonic() - begun > 0.5
    assert storage.ended(first)["taskResult"] == "success"
    storage.client.result("Task.clear", taskID=first)


def test_the_middle_of_a_chain_is_merged_cold(storage: Storage, client: ForeignClient) -> None:
    base = storage.create()
    middle = storage.overlay(base)
    top = storage.overlay(middle)
    chain = {
        "sd_id": base["storagedomainID"],
        "img_id": base["imageID"],
        "base_id": base["volumeID"],
        "top_id": middle["volumeID"],
    }
    in_pool = {"storagepoolID": base["storagepoolID"], "subchainInfo": chain}

    prepared, _ = storage.outcome("StoragePool.prepareMerge", **in_pool)
    marked = client.result("Volume.getInfo", **base)["legality"]
    job_id = str(uuid4())
    generation = storage.generation(base)
    merging = {**chain, "base_generation": generation}
    client.result("SDM.merge", job_id=job_id, subchain_info=merging)
    job = storage.job(job_id)
    finalized, _ = storage.outcome("StoragePool.finalizeMerge", **in_pool)
    deleted, _ = storage.outcome("Volume.delete", **middle, postZero=False, force=False)

    assert (prepared, marked, finalized, deleted) == (0, "ILLEGAL", 0, 0)
    assert (job["status"], job["description"]) == ("done", "merge_subchain")
    assert client.result("Volume.getInfo", **top)["parent"] == base["volumeID"]
    assert client.result("Volume.getInfo", **base)["legality"] == "LEGAL"
    assert storage.generation(base) == generation + 1


def _event(client: ForeignClient, name: str) -> dict[str, Any]:
    def found() -> Any:
        frame = client.receive()
        assert frame is not None
        message = json.loads(frame[2])
        return message["params"] if message.get("method") == name else None

    event: dict[str, Any] = eventually(found)
    return event
