"""What surprises in VDSM and needs a fault, a restart or a full queue to be seen. What does not is in `vdsm_host`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.vdsm import VdsmClient
from adapters.vdsm.client import RoleError, UnreachableError
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import Effect, Fault, jobs, seed
from adapters.vdsm.simulator.faults import Faults
from adapters.vdsm.simulator.jobs import Jobs
from adapters.vdsm.simulator.locks import ResourceLocks
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.tasks import MOST_QUEUED, TaskManager
from adapters.vdsm.simulator.work import Effort, Work
from orchestrator import FoundTask, TaskStatus
from tests.adapters.contract import eventually, known_as, ref_of, until_ended
from tests.adapters.vdsm.simulator_process import SimulatorProcess
from tests.adapters.vdsm.volumes import ended, new_volume
from tests.adapters.vdsm_host.foreign_client import ForeignClient


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., SimulatorProcess]]:
    """Starts simulators of their own, for tests that kill or confuse them."""
    made: list[SimulatorProcess] = []

    def start(**options: Any) -> SimulatorProcess:
        seed(tmp_path, vms={"vm-1": (40_000, 40_000)})
        made.append(SimulatorProcess(tmp_path, **options))
        return made[-1]

    yield start
    for one in made:
        one.kill()


def _image(simulator: SimulatorProcess) -> dict[str, Any]:
    name = f"vm-{uuid4()}"
    (image_id,) = seed(simulator.directory, vms={name: (4000,)}).images[name]
    return {
        "imageID": str(image_id),
        "storagedomainID": str(DOMAIN),
        "storagepoolID": str(POOL),
        "postZero": False,
        "force": False,
    }


def test_an_undo_that_fails_ends_dirty_and_counts_as_failed(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh()
    simulator.inject(
        Fault(verb="Image.delete", effect=Effect.FAIL_WORK),
        Fault(verb="undo", effect=Effect.FAIL_UNDO),
    )
    vdsm = simulator.adapter()
    ref = ref_of(vdsm.storage().delete_image(_image_id(simulator)))

    report = until_ended(vdsm, known_as(ref, vdsm.start(ref, again=False)))

    assert report.detail["result"] == "cleanFailure"
    assert report.status is TaskStatus.FAILED
    vdsm.close()


def test_a_task_that_does_not_look_ends_when_it_is_done_and_is_rolled_back(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh(speed=20_000)
    simulator.inject(Fault(verb="Volume.create", effect=Effect.DEAF_WORK))
    volume = new_volume(size="20000", preallocate=1)
    task_id = simulator.ask("Volume.create", **volume)
    eventually(
        lambda: simulator.ask("Task.getStatus", taskID=task_id)["message"] == "running job 1 of 1"
    )

    simulator.ask("Task.stop", taskID=task_id)
    meanwhile = simulator.ask("Task.getStatus", taskID=task_id)["taskState"]
    status = ended(simulator, task_id)

    assert meanwhile == "running"
    assert (status["taskResult"], status["code"]) == ("cleanSuccess", 411)
    assert status["message"] == "value=shutting down abortedcode=411"


def test_a_full_queue_holds_up_the_caller(tmp_path: Path) -> None:
    manager = TaskManager(tmp_path, lambda record: None, lambda work: None)
    tmp_path.joinpath("none").touch()
    effort = Effort(Faults(tmp_path / "faults.json"), "verb", {}, bytes_per_s=None)
    for _ in range(MOST_QUEUED):
        manager.submit("verb", "sdm", Work(run=lambda effort: None), effort)
    over = threading.Thread(
        target=manager.submit,
        args=("verb", "sdm", Work(run=lambda effort: None), effort),
        daemon=True,
    )

    over.start()
    over.join(0.3)
    held_up = over.is_alive()
    manager.start_workers()
    over.join(10)

    assert held_up
    assert not over.is_alive()


def test_a_lock_that_is_not_had_in_time_is_851() -> None:
    locks = ResourceLocks()
    locks.acquire("image")

    with pytest.raises(RefusalError) as caught:
        locks.acquire("image", wait_s=0.01)

    assert caught.value.code == 851


def test_a_call_that_was_given_up_starts_its_task_all_the_same(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh(speed=20_000)
    volume = new_volume(size="20000", preallocate=1)
    first = simulator.ask("Volume.create", **volume)
    image = {key: volume[key] for key in ("imageID", "storagedomainID", "storagepoolID")}
    client = simulator.client()

    with pytest.raises(UnreachableError):  # the image is locked by the first
        client.call("Image.delete", timeout_s=0.2, **image, postZero=False, force=False)
    ended(simulator, first)

    def late() -> Any:
        tasks = simulator.ask("Host.getAllTasks").values()
        return [one for one in tasks if one["verb"] == "deleteImage" and one["state"] == "finished"]

    assert len(eventually(late)) == 1
    client.close()


def test_a_finished_task_comes_back_as_finished_after_a_kill(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh()
    task_id = simulator.ask("Volume.create", **new_volume())
    ended(simulator, task_id)

    simulator.kill()
    simulator.start()

    assert simulator.ask("Host.getAllTasksStatuses")[task_id]["taskResult"] == "success"


def test_what_was_cleared_in_the_instant_of_its_end_comes_back_as_a_ghost(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh()
    client = simulator.client()

    def cleared_at_once() -> str | None:
        task_id = client.call("Volume.create", timeout_s=10, **new_volume())
        while (
            client.call("Task.getStatus", timeout_s=10, taskID=task_id)["taskState"] != "finished"
        ):
            pass
        client.call("Task.clear", timeout_s=10, taskID=task_id)
        return str(task_id)

    cleared = {cleared_at_once() for _ in range(10)}
    gone = set(simulator.ask("Host.getAllTasksStatuses"))
    client.close()
    simulator.kill()
    simulator.start()

    ghosts = cleared & set(simulator.ask("Host.getAllTasksStatuses"))
    assert not cleared & gone
    assert ghosts
    vdsm = simulator.adapter()
    found = {
        one.report.external_id: one.report
        for one in vdsm.discover(str(POOL))
        if isinstance(one, FoundTask)
    }
    assert {found[one].status for one in ghosts} == {TaskStatus.SUCCEEDED}
    vdsm.close()


def test_jobs_and_their_tasks_are_forgotten_by_a_kill(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh()
    volume = new_volume()
    ended(simulator, simulator.ask("Volume.create", **volume))
    where = {
        "endpoint_type": "div",
        "sd_id": volume["storagedomainID"],
        "img_id": volume["imageID"],
        "vol_id": volume["volumeID"],
    }
    job_id = str(uuid4())
    simulator.ask("SDM.update_volume", job_id=job_id, vol_info=where, vol_attr={"description": "d"})
    eventually(lambda: simulator.ask("Host.getJobs")[job_id]["status"] == "done")

    simulator.kill()
    simulator.start()

    assert simulator.ask("Host.getJobs") == {}
    assert {one["tag"] for one in simulator.ask("Host.getAllTasks").values()} == {"spm"}


def test_a_job_is_forgotten_an_hour_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = TaskManager(tmp_path, lambda record: None, lambda work: None)
    manager.start_workers()
    made = Jobs(manager, ResourceLocks(), lambda name, params: None)
    effort = Effort(Faults(tmp_path / "faults.json"), "verb", {}, bytes_per_s=None)
    made.start("job-1", "copy_data", Work(run=lambda effort: None), effort)
    eventually(lambda: made.infos(None, ())["job-1"]["status"] == "done")

    monkeypatch.setattr(jobs, "FORGOTTEN_AFTER_S", 0.0)

    assert eventually(lambda: made.infos(None, ()) == {})


def test_a_job_takes_one_of_the_ten_threads(fresh: Callable[..., SimulatorProcess]) -> None:
    simulator = fresh()
    simulator.inject(Fault(verb="SDM.update_volume", effect=Effect.SLOW_WORK, seconds=60))
    volumes = [new_volume() for _ in range(11)]
    for volume in volumes:
        ended(simulator, simulator.ask("Volume.create", **volume))
    for number, volume in enumerate(volumes):
        where = {
            "endpoint_type": "div",
            "sd_id": volume["storagedomainID"],
            "img_id": volume["imageID"],
            "vol_id": volume["volumeID"],
        }
        attributes = {"description": str(number)}
        simulator.ask("SDM.update_volume", job_id=str(uuid4()), vol_info=where, vol_attr=attributes)

    def statuses() -> list[str]:
        return sorted(one["status"] for one in simulator.ask("Host.getJobs").values())

    eventually(lambda: statuses() == ["pending"] + ["running"] * 10)
    waiting = [one for one in simulator.ask("Host.getJobs").values() if one["status"] == "pending"]
    assert "progress" not in waiting[0]


def test_a_manager_is_stopped_before_its_host_is_disconnected(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh()
    client = ForeignClient("127.0.0.1", simulator.port)
    pool = {"storagepoolID": str(POOL)}
    leaving = {**pool, "hostID": 1, "scsiKey": str(POOL)}

    busy, _ = client.refusal("StoragePool.disconnect", leaving)
    assert client.result("StoragePool.spmStop", **pool) is True
    free = client.result("StoragePool.getSpmStatus", **pool)["spmStatus"]
    assert client.result("StoragePool.disconnect", **leaving) is True

    assert (busy, free) == (656, "Free")
    assert client.refusal("StoragePool.getSpmStatus", pool)[0] == 309
    assert client.result("Host.getConnectedStoragePools") == []
    client.close()


def test_everything_is_99_while_the_host_starts(fresh: Callable[..., SimulatorProcess]) -> None:
    simulator = fresh(options=("--starting", "1.5"))
    client = ForeignClient("127.0.0.1", simulator.port)

    for verb in ("Host.ping2", "Host.getAllTasksStatuses", "Host.getJobs"):
        assert client.refusal(verb) == (99, "Recovering from crash or Initializing")
    assert eventually(lambda: "result" in client.call("Host.ping2"))
    client.close()


def test_after_a_restart_nothing_is_connected_but_jobs_are_told(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh(connected=False)

    with pytest.raises(RoleError) as tasks:
        simulator.ask("Host.getAllTasksStatuses")
    with pytest.raises(RoleError) as images:
        simulator.ask("Image.delete", **_image(simulator))

    assert (tasks.value.code, images.value.code) == (654, 309)
    assert simulator.ask("Host.getJobs") == {}


def test_a_manager_that_starts_is_a_task_that_no_listing_of_the_pool_shows(
    fresh: Callable[..., SimulatorProcess],
) -> None:
    simulator = fresh(connected=False)
    vdsm = simulator.adapter()
    pool = {"storagepoolID": str(POOL)}
    vdsm.storage().image_exists(uuid4())  # which connects the host to the pool
    begun = simulator.ask(
        "StoragePool.spmStart", **pool, prevID=-1, prevLver="-1", enableScsiFencing="false"
    )
    ended(simulator, begun)

    assert begun not in simulator.ask("Host.getAllTasksStatuses")
    assert simulator.ask("Host.getAllTasks")[begun]["tag"] == "hsm"
    vdsm.close()


@pytest.mark.parametrize(
    "batch", [[], [{"jsonrpc": "2.0", "method": "Host.ping2", "params": {}}]], ids=["empty", "one"]
)
def test_a_batch_without_a_call_silences_the_host_until_its_restart(
    fresh: Callable[..., SimulatorProcess], batch: list[Any]
) -> None:
    simulator = fresh()
    client = ForeignClient("127.0.0.1", simulator.port)

    client.request(json.dumps(batch).encode())
    client.request({"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": "one"})

    with pytest.raises(TimeoutError):
        client.receive(within_s=0.5)
    client.close()
    simulator.kill()
    simulator.start()
    assert simulator.ask("Host.ping2") is True


def test_our_client_sends_lists_of_exactly_one_call(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        received: list[bytes] = []

        def listen() -> None:
            stream, _ = listener.accept()
            with stream:
                while b"Host.ping2" not in b"".join(received):
                    received.append(stream.recv(4096))
                    if len(received) == 1:
                        stream.sendall(b"CONNECTED\nversion:1.2\n\n\0")

        thread = threading.Thread(target=listen)
        thread.start()
        client = VdsmClient("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(UnreachableError):
            client.call("Host.ping2", timeout_s=0.3)
        thread.join()
        client.close()

    body = b"".join(received).rpartition(b"\n\n")[2].rstrip(b"\0")
    (call,) = json.loads(body)
    assert {"jsonrpc", "method", "params", "id"} == set(call)


def _image_id(simulator: SimulatorProcess) -> Any:
    name = f"vm-{uuid4()}"
    return seed(simulator.directory, vms={name: (4000,)}).images[name][0]
