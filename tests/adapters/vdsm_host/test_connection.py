"""Connections: greeting, beats, subscriptions, destinations, goodbyes."""

from __future__ import annotations

import json
import socket
import ssl
import time
from typing import Any

import pytest

from tests.adapters.vdsm_host.foreign_client import EVENTS, ForeignClient
from tests.adapters.vdsm_host.target import Target

pytestmark = pytest.mark.harmless


def test_a_greeting_is_answered_with_the_version_and_the_beats_mirrored(target: Target) -> None:
    client = target.client(heart_beat="0,24000")

    assert client.connected is not None
    assert client.connected[1] == {"version": "1.2", "heart-beat": "24000,0"}
    client.close()


@pytest.mark.parametrize("versions", ["1.0,1.1,1.2", "1.1", ""])
def test_any_version_but_1_2_alone_is_refused(target: Target, versions: str) -> None:
    client = target.client(greet=False)

    client.send("CONNECT", [("accept-version", versions), ("heart-beat", "0,0")])

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[2]) == ("ERROR", b"Version unsupported")
    assert answer[1].keys() <= {"content-length"}
    client.close()


def test_a_beat_header_that_cannot_be_read_counts_as_none(target: Target) -> None:
    client = target.client(heart_beat="often")

    assert client.connected is not None
    assert client.connected[1]["heart-beat"] == "0,0"
    client.close()


def test_beats_are_at_least_a_second_apart_and_come_as_promised(target: Target) -> None:
    client = target.client(heart_beat="5,5")

    assert client.connected is not None
    assert client.connected[1]["heart-beat"] == "1000,1000"
    with pytest.raises(TimeoutError):
        client.receive(within_s=4.2)
    assert 3 <= client.beats <= 5
    client.close()


def test_a_client_need_not_greet(target: Target) -> None:
    client = target.client(greet=False)
    client.subscribe(client.queue)

    assert client.result("Host.ping2") is True
    client.close()


@pytest.mark.parametrize("missing", ["id", "destination"])
def test_a_subscription_needs_an_id_and_a_destination(client: ForeignClient, missing: str) -> None:
    headers = {"destination": "somewhere", "id": "one"}
    del headers[missing]

    client.send("SUBSCRIBE", list(headers.items()))

    answer = client.receive()
    assert answer is not None
    assert answer[0] == "ERROR"
    assert answer[2] == b"Missing destination or subscription id header"
    assert client.result("Host.ping2") is True, "the connection stays open"


def test_a_subscription_id_is_used_once(client: ForeignClient) -> None:
    headers = [("destination", "somewhere"), ("id", "one")]

    client.send("SUBSCRIBE", headers)
    client.send("SUBSCRIBE", headers)

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[2]) == ("ERROR", b"Subscription id already exists")


def test_what_is_sent_to_nobody_is_refused(client: ForeignClient) -> None:
    client.send("SEND", [("destination", "nobody.listens")], b"hello")

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[2]) == ("ERROR", b"Subscription not available")
    assert client.result("Host.ping2") is True, "the connection stays open"


def test_who_listens_to_a_destination_gets_what_is_sent_below_it(client: ForeignClient) -> None:
    subscription = client.subscribe("our.test")

    client.send("SEND", [("destination", "our.test.below")], b"hello")

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[2]) == ("MESSAGE", b"hello")
    assert answer[1]["subscription"] == subscription


def test_a_reply_names_the_subscription_and_its_type(client: ForeignClient) -> None:
    client.request([{"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": "one"}])

    answer = client.receive()
    assert answer is not None
    assert answer[0] == "MESSAGE"
    assert answer[1]["destination"] == client.queue
    assert answer[1]["content-type"] == "application/json"
    assert json.loads(answer[2]) == {"jsonrpc": "2.0", "id": "one", "result": True}


def test_requests_are_taken_at_both_destinations(client: ForeignClient) -> None:
    message = {"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": "one"}

    client.request(message, destination="jms.topic.vdsm_irs_requests")

    answer = client.receive()
    assert answer is not None
    assert json.loads(answer[2])["result"] is True


def test_a_reply_goes_to_everybody_who_listens_there(target: Target, client: ForeignClient) -> None:
    other = target.client()
    other.subscribe(client.queue)
    assert other.result("Host.ping2") is True

    assert client.result("Host.ping2") is True

    heard = other.receive()
    assert heard is not None
    assert heard[1]["destination"] == client.queue
    other.close()


def test_a_reply_to_nobody_is_lost(client: ForeignClient) -> None:
    queue, client.queue = client.queue, "nobody.is.here"
    client.request({"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": "one"})
    client.queue = queue

    assert client.result("Host.ping2") is True
    assert client.others == []


def test_empty_lines_are_beats(client: ForeignClient) -> None:
    client.stream.sendall(b"\n\r\n\n")

    assert client.result("Host.ping2") is True


def test_a_body_without_a_length_ends_at_its_null(client: ForeignClient) -> None:
    body = b'{"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": "one"}'
    head = f"SEND\ndestination:jms.topic.vdsm_requests\nreply-to:{client.queue}\n\n".encode()

    client.stream.sendall(head + body + b"\0")

    answer = client.receive()
    assert answer is not None
    assert json.loads(answer[2])["result"] is True


def test_an_ended_subscription_gets_nothing(client: ForeignClient) -> None:
    subscription = client.subscribe("our.test")

    client.send("UNSUBSCRIBE", [("id", subscription)])
    client.send("SEND", [("destination", "our.test")], b"hello")

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[2]) == ("ERROR", b"Subscription not available")


def test_a_goodbye_with_a_receipt_is_answered(client: ForeignClient) -> None:
    client.send("DISCONNECT", [("receipt", "77")])

    answer = client.receive()
    assert answer is not None
    assert (answer[0], answer[1]["receipt-id"]) == ("RECEIPT", "77")


def test_a_goodbye_without_a_receipt_closes(client: ForeignClient) -> None:
    client.send("DISCONNECT", [])

    assert client.is_closed()


@pytest.mark.parametrize("command", ["ACK", "BEGIN", "NONSENSE"])
def test_a_command_that_vdsm_does_not_know_closes(client: ForeignClient, command: str) -> None:
    client.send(command, [("id", "1"), ("transaction", "1")])

    assert client.is_closed()


def test_a_web_request_is_closed(target: Target) -> None:
    client = target.client(greet=False)

    client.stream.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")

    assert client.is_closed(within_s=15)
    client.close()


def test_who_says_four_bytes_and_no_more_is_closed_after_ten_seconds(target: Target) -> None:
    client = target.client(greet=False)
    begun = time.monotonic()

    client.stream.sendall(b"CONN")

    assert client.is_closed(within_s=20)
    assert time.monotonic() - begun > 5
    client.close()


def test_events_can_be_listened_to(client: ForeignClient) -> None:
    client.subscribe(EVENTS)

    assert client.result("Host.ping2") is True


def test_forty_calls_go_at_once_over_one_connection(client: ForeignClient) -> None:
    for number in range(40):
        message: Any = {"jsonrpc": "2.0", "method": "Host.ping2", "params": {}, "id": str(number)}
        client.request([message])

    answers = [client.receive() for _ in range(40)]

    ids = {json.loads(one[2])["id"] for one in answers if one is not None}
    assert ids == {str(number) for number in range(40)}


def test_whom_the_authority_did_not_sign_is_not_let_in(untrusted: Target) -> None:
    context = untrusted.context()
    assert context is not None
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # so that the host is the one who refuses

    with socket.create_connection((untrusted.host, untrusted.port), 10) as stream:
        assert not _is_let_in(context, stream)


def test_whose_authority_did_not_sign_the_host_is_not_served(untrusted: Target) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        untrusted.client()


def _is_let_in(context: ssl.SSLContext, stream: socket.socket) -> bool:
    """Whether the host answers a greeting; it may send an alert instead, or just hang up."""
    try:
        with context.wrap_socket(stream) as wrapped:
            wrapped.sendall(b"CONNECT\naccept-version:1.2\n\n\0")
            return wrapped.recv(100) != b""
    except OSError:
        return False
