"""STOMP frames: the bytes that VDSM and its clients put on the wire."""

from __future__ import annotations

import pytest

from adapters.vdsm.stomp import BadFrameError, Frame, FrameReader


def test_a_connect_frame_has_the_bytes_that_clients_send() -> None:
    frame = Frame(command="CONNECT", headers={"accept-version": "1.2", "heart-beat": "0,24000"})

    assert frame.encode() == b"CONNECT\naccept-version:1.2\nheart-beat:0,24000\n\n\0"


def test_a_body_is_announced_by_its_length() -> None:
    headers = {"destination": "jms.topic.vdsm_requests", "content-type": "application/json"}

    sent = Frame(command="SEND", headers=headers, body=b"[{}]").encode()

    assert sent == (
        b"SEND\ndestination:jms.topic.vdsm_requests\ncontent-type:application/json\n"
        b"content-length:4\n\n[{}]\0"
    )


def test_a_frame_survives_the_wire_with_special_characters() -> None:
    frame = Frame(command="SEND", headers={"a:b": "back\\slash\nline\r"}, body=b"\0 nul \0")

    (found,) = FrameReader().feed(frame.encode())

    assert found.body == frame.body
    assert found.headers["a:b"] == "back\\slash\nline\r"


def test_frames_are_found_however_the_stream_is_cut() -> None:
    frames = [
        Frame(command="CONNECTED", headers={"version": "1.2"}),
        Frame(command="MESSAGE", headers={"destination": "x"}, body=b'{"id": 1}'),
    ]
    stream = b"\n".join(one.encode() for one in frames) + b"\n\n"
    reader = FrameReader()

    found = [
        frame for index in range(len(stream)) for frame in reader.feed(stream[index : index + 1])
    ]

    assert [one.command for one in found] == ["CONNECTED", "MESSAGE"]
    assert found[1].body == b'{"id": 1}'


def test_heartbeats_between_frames_are_no_frames() -> None:
    reader = FrameReader()

    assert reader.feed(b"\n\n\n") == []
    assert [one.command for one in reader.feed(b"RECEIPT\nreceipt-id:7\n\n\0\n")] == ["RECEIPT"]


def test_of_a_repeated_header_the_first_counts() -> None:
    (found,) = FrameReader().feed(b"MESSAGE\nfoo:first\nfoo:second\n\n\0")

    assert found.headers == {"foo": "first"}


@pytest.mark.parametrize(
    "stream",
    [
        b"SEND\nno colon here\n\n\0",
        b"SEND\ncontent-length:many\n\n\0",
        b"SEND\ncontent-length:99999999999\n\n\0",
        b"SEND\ncontent-length:1\n\nab\0",
        b"SEND\nname:bad\\t\n\n\0",
        b"SEND\nname:\xff\n\n\0",
    ],
)
def test_what_is_not_stomp_is_refused(stream: bytes) -> None:
    with pytest.raises(BadFrameError):
        FrameReader().feed(stream)
