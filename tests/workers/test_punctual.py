"""A connection may not dawdle over the head of a request; a slow answer is another matter."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import anyio
import pytest
import uvicorn

from tests.services import until
from workers.punctual import PunctualProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


class Hasty(PunctualProtocol):
    """Has the patience of a test."""

    head_s = 0.4


async def slow_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers in two pieces, longer apart than a head may take."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await anyio.sleep(1)
    await send({"type": "http.response.body", "body": b"two"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(slow_app, port=0, http=Hasty, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        until(lambda: server.started, what="the server answers")
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def read_to_the_end(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(4096):
        found += piece
    return found


def test_a_slow_loris_is_shown_the_door(port: int) -> None:
    with ExitStack() as stack:
        lorises = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            for _ in range(50)
        ]
        over = threading.Event()

        def drip() -> None:  # a byte now and then, as the attack does
            while not over.wait(0.05):
                for one in lorises:
                    with suppress(OSError):
                        one.send(b"X")

        for one in lorises:
            one.send(HEAD)
        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        try:
            for one in lorises:
                with suppress(ConnectionResetError):
                    assert one.recv(1) == b""
        finally:
            over.set()
            dripping.join()

        assert time.monotonic() - began < 5


def test_a_second_request_may_not_dawdle_either(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.send(HEAD + b"\r\n")
        answer = b""
        while b"two" not in answer:
            answer += connection.recv(4096)
        connection.send(HEAD)

        rest = read_to_the_end(connection)

    assert rest.strip(b"\r\n0") == b""


def test_a_slow_answer_is_waited_for(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.send(HEAD + b"Connection: close\r\n\r\n")

        answer = read_to_the_end(connection)

    assert b"one" in answer
    assert b"two" in answer
