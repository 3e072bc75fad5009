"""The simulator by its own protocol: the oddities of VDSM that an adapter has to live with."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import VdsmError
from adapters.vdsm.client import RoleError
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import Effect, Fault, seed
from adapters.vdsm.stomp import Frame, FrameReader
from tests.adapters.contract import eventually
from tests.adapters.vdsm.simulator_process import SimulatorProcess
from tests.adapters.vdsm.volumes import ended, new_volume


class Wire:
    """A raw STOMP connection, for what a sound client never does."""

    def __init__(self, port: int) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._reader = FrameReader()
        self._received: list[Frame] = []

    def send(self, command: str, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.stream.sendall(Frame(command=command, headers=named, body=body).encode())

    def request(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.send("SEND", body, destination="jms.topic.vdsm_requests", reply_to="me")

    def receive(self) -> Frame | None:
        """Gives the next frame, or None when the server closed the connection."""
        while not self._received:
            data = self.stream.recv(4096)
            if not data:
                return None
            self._received += self._reader.feed(data)
        return self._received.pop(0)

    def reply(self) -> Any:
        frame = self.receive()
        assert frame is not None
        return json.loads(frame.body)


@pytest.fixture
def wire(simulator: SimulatorProcess) -> Iterator[Wire]:
    made = Wire(simulator.port)
    made.send("CONNECT", accept_version="1.2", heart_beat="0,0")
    made.send("SUBSCRIBE", destination="me", id="sub-1", ack="auto")
    connected = made.receive()
    assert connected is not None
    assert connected.headers == {"version": "1.2", "heart-beat": "0,0"}
    yield made
    made.stream.close()


def _ping(request_id: str, **changes: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": request_id, **changes}


def test_a_reply_names_the_subscription(wire: Wire) -> None:
    wire.request([_ping("a")])

    frame = wire.receive()

    assert frame is not None
    assert (frame.command, frame.headers["subscription"]) == ("MESSAGE", "sub-1")
    assert json.loads(frame.body) == {"jsonrpc": "2.0", "id": "a", "result": True}


def test_a_batch_of_two_is_executed_and_never_answered(
    wire: Wire, simulator: SimulatorProcess
) -> None:
    before = simulator.count("Host.ping2")

    wire.request([_ping("a"), _ping("b")])
    wire.request([_ping("c")])

    assert wire.reply()["id"] == "c"
    assert eventually(lambda: simulator.count("Host.ping2") == before + 3)


def test_a_wrong_protocol_version_is_refused_twice(wire: Wire) -> None:
    wire.request(_ping("a", jsonrpc="1.0"))

    assert [wire.reply()["error"]["code"] for _ in range(2)] == [-32600, -32600]


def test_what_is_not_json_is_a_parse_error(wire: Wire) -> None:
    wire.send("SEND", b"{", destination="jms.topic.vdsm_requests", reply_to="me")

    assert wire.reply()["error"]["code"] == -32700


def test_an_unknown_destination_is_an_error_that_keeps_the_connection(wire: Wire) -> None:
    wire.send("SEND", b"x", destination="nobody.listens")
    refused = wire.receive()
    wire.request(_ping("a"))

    assert refused is not None
    assert (refused.command, refused.body) == ("ERROR", b"Subscription not available")
    assert wire.reply()["id"] == "a"


def test_an_unknown_command_closes_the_connection(wire: Wire) -> None:
    wire.send("BEGIN", transaction="1")

    assert wire.receive() is None


def test_a_disconnect_is_receipted(wire: Wire) -> None:
    wire.send("DISCONNECT", receipt="77")

    frame = wire.receive()

    assert frame is not None
    assert (frame.command, frame.headers) == ("RECEIPT", {"receipt-id": "77"})


def test_heartbeats_are_mirrored_and_at_least_a_second_apart(simulator: SimulatorProcess) -> None:
    wire = Wire(simulator.port)

    wire.send("CONNECT", accept_version="1.2", heart_beat="5,24000")
    connected = wire.receive()

    assert connected is not None
    assert connected.headers["heart-beat"] == "24000,1000"
    wire.stream.close()


def test_more_than_eighty_calls_at_once_are_refused(
    wire: Wire, simulator: SimulatorProcess
) -> None:
    simulator.inject(Fault(verb="Host.ping2", effect=Effect.SLOW_CALL, seconds=1.0))

    for number in range(81):
        wire.request(_ping(str(number)))

    first = wire.reply()
    assert first["error"]["code"] == 1100
    assert "'current_tasks': 80" in first["error"]["message"]
    assert all(wire.reply()["result"] is True for _ in range(80))


def _delete(simulator: SimulatorProcess, image_id: UUID, **more: Any) -> str:
    return str(
        simulator.ask(
            "Image.delete",
            imageID=str(image_id),
            storagedomainID=str(DOMAIN),
            storagepoolID=str(POOL),
            **{"postZero": False, "force": False, **more},
        )
    )


def _images(simulator: SimulatorProcess, count: int) -> tuple[UUID, ...]:
    name = f"vm-{uuid4()}"
    return seed(simulator.directory, vms={name: [4000] * count}).images[name]


def test_ten_tasks_run_and_the_eleventh_is_queued(slow_simulator: SimulatorProcess) -> None:
    slow_simulator.inject(Fault(verb="Image.delete", effect=Effect.SLOW_WORK, seconds=60))

    ids = [_delete(slow_simulator, one) for one in _images(slow_simulator, 11)]

    def states() -> list[str]:
        listed = slow_simulator.ask("Host.getAllTasks")
        return sorted(listed[one]["state"] for one in ids)

    eventually(lambda: states() == ["queued"] + ["running"] * 10)
    shown = [slow_simulator.ask("Task.getStatus", taskID=one) for one in ids]
    assert {one["taskState"] for one in shown} == {"running"}
    for one in reversed(ids):
        assert slow_simulator.ask("Task.stop", taskID=one) is True
    eventually(lambda: set(states()) == {"recovered"})


def test_a_stopped_task_is_undone_with_code_411_and_a_queued_one_with_0(
    slow_simulator: SimulatorProcess,
) -> None:
    slow_simulator.inject(Fault(verb="Image.delete", effect=Effect.SLOW_WORK, seconds=60))
    ids = [_delete(slow_simulator, one) for one in _images(slow_simulator, 11)]
    listed = slow_simulator.ask("Host.getAllTasks")
    queued = eventually(lambda: [one for one in ids if listed[one]["state"] == "queued"][-1:])[0]

    for one in reversed(ids):
        slow_simulator.ask("Task.stop", taskID=one)

    def all_ended() -> Any:
        listed = slow_simulator.ask("Host.getAllTasksStatuses")
        found = {one: listed[one] for one in ids}
        return all(one["taskState"] == "finished" for one in found.values()) and found

    statuses = eventually(all_ended)
    assert {one["taskResult"] for one in statuses.values()} == {"cleanSuccess"}
    assert (statuses[queued]["code"], statuses[queued]["message"]) == (0, "Task is initializing")
    running = next(one for one in ids if statuses[one]["code"] == 411)
    assert statuses[running]["message"] == f"value={running} abortedcode=411"


def test_a_running_task_cannot_be_cleared(slow_simulator: SimulatorProcess) -> None:
    slow_simulator.inject(Fault(verb="Image.delete", effect=Effect.SLOW_WORK, seconds=60))
    task_id = _delete(slow_simulator, _images(slow_simulator, 1)[0])

    with pytest.raises(VdsmError, match="not allowed in this task state") as caught:
        slow_simulator.ask("Task.clear", taskID=task_id)

    assert caught.value.code == 410
    slow_simulator.ask("Task.stop", taskID=task_id)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"imageID": str(uuid4())}, 268),
        ({"storagepoolID": str(uuid4())}, 309),
        ({"storagedomainID": str(uuid4())}, 358),
    ],
)
def test_a_verb_that_is_refused_leaves_no_task(
    simulator: SimulatorProcess, changes: dict[str, str], code: int
) -> None:
    before = simulator.ask("Host.getAllTasks")
    right = {
        "storagedomainID": str(DOMAIN),
        "storagepoolID": str(POOL),
        "postZero": False,
        "force": False,
    }
    (image_id,) = _images(simulator, 1)

    with pytest.raises((VdsmError, RoleError)) as caught:
        simulator.ask("Image.delete", **{"imageID": str(image_id), **right, **changes})

    assert isinstance(caught.value, VdsmError | RoleError)
    assert caught.value.code == code
    assert simulator.ask("Host.getAllTasks") == before


@pytest.mark.parametrize(
    ("command", "headers", "text"),
    [
        ("CONNECT", {"accept_version": "1.0,1.1,1.2"}, b"Version unsupported"),
        ("SUBSCRIBE", {"destination": "x"}, b"Missing destination or subscription id header"),
        ("SUBSCRIBE", {"destination": "y", "id": "sub-1"}, b"Subscription id already exists"),
    ],
)
def test_a_frame_that_vdsm_refuses_is_answered_without_headers(
    wire: Wire, command: str, headers: dict[str, Any], text: bytes
) -> None:
    wire.send(command, **headers)

    frame = wire.receive()

    assert frame is not None
    assert (frame.command, frame.body) == ("ERROR", text)
    assert frame.headers.keys() <= {"content-length"}


def test_a_beat_header_that_cannot_be_read_asks_for_none(simulator: SimulatorProcess) -> None:
    wire = Wire(simulator.port)

    wire.send("CONNECT", accept_version="1.2", heart_beat="often")
    connected = wire.receive()

    assert connected is not None
    assert connected.headers["heart-beat"] == "0,0"
    wire.stream.close()


def test_destinations_are_hierarchical(wire: Wire) -> None:
    wire.send("SUBSCRIBE", destination="a.b", id="sub-2")

    wire.send("SEND", b"hello", destination="a.b.c")

    frame = wire.receive()
    assert frame is not None
    assert (frame.body, frame.headers["subscription"]) == (b"hello", "sub-2")


def test_the_end_of_a_job_is_an_event(wire: Wire, simulator: SimulatorProcess) -> None:
    volume = new_volume()
    ended(simulator, simulator.ask("Volume.create", **volume))
    wire.send("SUBSCRIBE", destination="jms.queue.events", id="events")
    wire.request([_ping("subscribed")])
    assert wire.reply()["id"] == "subscribed"
    job_id = str(uuid4())
    where = {
        "endpoint_type": "div",
        "sd_id": volume["storagedomainID"],
        "img_id": volume["imageID"],
        "vol_id": volume["volumeID"],
    }

    simulator.ask(
        "SDM.update_volume", job_id=job_id, vol_info=where, vol_attr={"description": "new"}
    )

    event = wire.reply()
    assert event["method"] == f"|jobs|status|{job_id}"
    assert (event["params"]["status"], event["params"]["description"]) == ("done", "update_volume")


def test_parameters_as_a_list_are_taken_by_position(wire: Wire) -> None:
    wire.request([_ping("a", method="Task.getStatus", params=["a.b"])])

    assert wire.reply()["error"]["code"] == 1000


def test_a_half_made_volume_is_removed_after_a_kill(tmp_path: Path) -> None:
    seed(tmp_path, vms={})
    simulator = SimulatorProcess(tmp_path, speed=10_000)
    volume = new_volume(size="1000000", preallocate=1)
    simulator.ask("Volume.create", **volume)
    images = tmp_path / "domains" / str(DOMAIN) / "images"
    path = images / volume["imageID"] / volume["volumeID"]
    eventually(lambda: path.exists() and path.stat().st_size > 0)

    simulator.kill()
    simulator.start()

    (status,) = simulator.ask("Host.getAllTasksStatuses").values()
    assert (status["taskResult"], status["code"]) == ("cleanSuccess", 0)
    assert not path.exists()
    simulator.kill()
