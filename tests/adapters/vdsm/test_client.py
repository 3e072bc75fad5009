"""The client against a simulator: what comes back, and what each failure becomes."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.vdsm import VdsmClient, VdsmError
from adapters.vdsm.client import PASSING, TlsFiles
from adapters.vdsm.simulator import Effect, Fault, seed
from adapters.vdsm.stomp import Frame, FrameReader
from orchestrator import TryAgain
from tests.adapters.vdsm.simulator_process import SimulatorProcess


@pytest.fixture
def client(simulator: SimulatorProcess) -> Iterator[VdsmClient]:
    made = simulator.client()
    yield made
    made.close()


def test_a_verb_without_a_result_answers_true(client: VdsmClient) -> None:
    assert client.call("Host.ping2", timeout_s=10) is True


def test_threads_call_side_by_side(client: VdsmClient, simulator: SimulatorProcess) -> None:
    simulator.inject(Fault(verb="Host.ping2", effect=Effect.SLOW_CALL, about="wait", seconds=0.3))

    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(client.call, "Host.ping2", timeout_s=10, note="wait")
        quick = list(pool.map(lambda _: client.call("Host.ping2", timeout_s=10), range(20)))

        assert quick == [True] * 20
        assert slow.result() is True


@pytest.mark.parametrize("code", sorted(PASSING))
def test_a_passing_condition_of_the_host_means_try_again(
    client: VdsmClient, simulator: SimulatorProcess, code: int
) -> None:
    simulator.inject(Fault(verb="Host.ping2", effect=Effect.REFUSE, code=code))

    with pytest.raises(TryAgain, match=str(code)):
        client.call("Host.ping2", timeout_s=10)


def test_any_other_error_is_a_refusal_with_its_code(client: VdsmClient) -> None:
    with pytest.raises(VdsmError, match="Task id unknown") as caught:
        client.call("Task.clear", timeout_s=10, taskID=str(uuid4()))

    assert (caught.value.code, caught.value.method) == (401, "Task.clear")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("No.suchVerb", {}, -32601),
        ("Task.getStatus", {}, -32603),
        ("Task.getStatus", {"taskID": "a.b"}, 1000),
        ("VM.getStats", {"vmID": "nobody"}, 1),
        ("Host.abortV2VJob", {"jobid": "x"}, 66),
    ],
)
def test_a_wrong_call_is_answered_with_vdsms_code(
    client: VdsmClient, method: str, params: dict[str, str], code: int
) -> None:
    with pytest.raises(VdsmError) as caught:
        client.call(method, timeout_s=10, **params)

    assert caught.value.code == code


def test_a_lost_reply_means_try_again_and_the_next_call_works(
    client: VdsmClient, simulator: SimulatorProcess
) -> None:
    simulator.inject(Fault(verb="Host.ping2", effect=Effect.LOSE_REPLY, times=1))

    with pytest.raises(TryAgain, match="no reply"):
        client.call("Host.ping2", timeout_s=0.3)

    assert client.call("Host.ping2", timeout_s=10) is True


def test_a_closed_connection_means_try_again_and_the_next_call_works(
    client: VdsmClient, simulator: SimulatorProcess
) -> None:
    simulator.inject(Fault(verb="Host.ping2", effect=Effect.HANG_UP, about="once", times=1))

    with pytest.raises(TryAgain, match="closed"):
        client.call("Host.ping2", timeout_s=10, note="once")

    assert client.call("Host.ping2", timeout_s=10) is True


def test_a_host_that_is_away_means_try_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(TryAgain, match="no connection"):
        VdsmClient("127.0.0.1", port).call("Host.ping2", timeout_s=1)


def test_a_host_that_accepts_and_says_nothing_means_try_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = VdsmClient("127.0.0.1", silent.getsockname()[1], connect_timeout_s=0.2)

        with pytest.raises(TryAgain, match="no connection"):
            client.call("Host.ping2", timeout_s=1)


def test_a_client_outlives_a_restart_of_the_host(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path, connected=False)
    client = simulator.client()
    client.call("Host.ping2", timeout_s=10)

    simulator.kill()
    with pytest.raises(TryAgain):
        client.call("Host.ping2", timeout_s=10)
    simulator.start()

    assert client.call("Host.ping2", timeout_s=10) is True
    client.close()
    simulator.kill()


def test_a_request_has_the_bytes_that_vdsm_clients_send() -> None:
    received: list[Frame] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_one_call, args=(listener, received))
        thread.start()
        client = VdsmClient("127.0.0.1", listener.getsockname()[1])

        result = client.call("Task.stop", timeout_s=10, correlation_id="flow-1", taskID="t")

        thread.join()
        client.close()
    connect, subscribe, events, send = received
    assert result is True
    assert connect.headers["accept-version"] == "1.2"
    assert connect.headers["heart-beat"] == "5000,5000"
    assert subscribe.headers["destination"] == send.headers["reply-to"]
    assert events.headers["destination"] == "jms.queue.events"
    assert send.headers["destination"] == "jms.topic.vdsm_requests"
    assert send.headers["ovirtCorrelationId"] == "flow-1"
    assert send.body.startswith(
        b'[{"jsonrpc": "2.0", "method": "Task.stop", "params": {"taskID": "t"}, "id": "'
    )


def test_mutual_tls_lets_in_whom_the_authority_signed(tmp_path: Path) -> None:
    files = _certificates(tmp_path)
    options = ("--tls-ca", files.ca, "--tls-certificate", files.certificate, "--tls-key", files.key)
    seed(tmp_path / "data", vms={})
    simulator = SimulatorProcess(tmp_path / "data", options=tuple(str(one) for one in options))
    known = VdsmClient("127.0.0.1", simulator.port, tls=files)
    plain = VdsmClient("127.0.0.1", simulator.port, connect_timeout_s=2)

    try:
        assert known.call("Host.ping2", timeout_s=10) is True
        with pytest.raises(TryAgain):
            plain.call("Host.ping2", timeout_s=2)
    finally:
        known.close()
        plain.close()
        simulator.kill()


def _answer_one_call(listener: socket.socket, received: list[Frame]) -> None:
    stream, _ = listener.accept()
    reader = FrameReader()
    with stream:
        while len(received) < 4:
            received.extend(reader.feed(stream.recv(4096)))
            if len(received) == 3:
                stream.sendall(Frame(command="CONNECTED", headers={"version": "1.2"}).encode())
        request_id = received[3].body.rpartition(b'"id": "')[2].partition(b'"')[0]
        body = b'{"jsonrpc": "2.0", "id": "' + request_id + b'", "result": true}'
        headers = {"destination": received[1].headers["destination"]}
        stream.sendall(Frame(command="MESSAGE", headers=headers, body=body).encode())


def _certificates(directory: Path) -> TlsFiles:
    certificate, key = directory / "both.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed, so there is nothing to make certificates with")
    return TlsFiles(ca=certificate, certificate=certificate, key=key)
