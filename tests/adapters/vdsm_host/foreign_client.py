"""A client with the manners of VDSM's own, which is on no package index: written from its recorded bytes.

It greets and subscribes to a queue of a random name in one go, asks for beats but sends none, puts each call into a
list of one, and reads with a reader of its own: so the simulator is not tested by the code that it was written with.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from typing import Any
from uuid import uuid4

REQUESTS = "jms.topic.vdsm_requests"
EVENTS = "jms.queue.events"
Message = tuple[str, dict[str, str], bytes]


class ForeignClient:
    """One connection. What is no reply to its own calls is kept in `others`."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        greet: bool = True,
        heart_beat: str = "0,24000",
    ) -> None:
        self.stream = _connected(host, port, tls)
        self.queue = str(uuid4())
        self.others: list[Message] = []
        self.beats = 0
        self._data = b""
        if greet:
            self.send("CONNECT", [("accept-version", "1.2"), ("heart-beat", heart_beat)])
            self.subscribe(self.queue)
            self.connected = self.receive()
            assert self.connected is not None
            assert self.connected[0] == "CONNECTED", self.connected

    def subscribe(self, destination: str) -> str:
        """Subscribes and gives the id."""
        subscription = str(uuid4())
        headers = [("destination", destination), ("ack", "auto"), ("id", subscription)]
        self.send("SUBSCRIBE", headers)
        return subscription

    def send(self, command: str, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        """Sends one frame."""
        if body:
            headers = [*headers, ("content-length", str(len(body)))]
        lines = [command, *(f"{name}:{value}" for name, value in headers)]
        self.stream.sendall("\n".join(lines).encode() + b"\n\n" + body + b"\0")

    def request(self, message: Any, *, destination: str = REQUESTS) -> None:
        """Sends a JSON body, whatever it is."""
        headers = [
            ("destination", destination),
            ("content-type", "application/json"),
            ("reply-to", self.queue),
        ]
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.send("SEND", headers, body)

    def call(self, method: str, params: Any = None, *, within_s: float = 200) -> dict[str, Any]:
        """Calls a verb and gives the whole reply, with `result` or `error`."""
        request_id = str(uuid4())
        self.request([_request(method, {} if params is None else params, request_id)])
        deadline = time.monotonic() + within_s
        while True:
            found = self.receive(within_s=deadline - time.monotonic())
            assert found is not None, f"the host hung up on {method}"
            message = json.loads(found[2]) if found[0] == "MESSAGE" else {}
            if message.get("id") == request_id:
                assert isinstance(message, dict)
                return message
            self.others.append(found)

    def result(self, method: str, **params: Any) -> Any:
        """Calls a verb that must not be refused."""
        reply = self.call(method, params)
        assert "error" not in reply, (method, reply)
        return reply["result"]

    def refusal(self, method: str, params: Any = None) -> tuple[int, str]:
        """Calls a verb that must be refused, and gives code and text."""
        reply = self.call(method, params)
        assert "error" in reply, (method, reply)
        return int(reply["error"]["code"]), str(reply["error"]["message"])

    def receive(self, *, within_s: float = 30) -> Message | None:
        """Gives the next frame; None when the host closed the connection. Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while True:
            while self._data[:1] == b"\n":
                self.beats += 1
                self._data = self._data[1:]
            found = self._whole_frame()
            if found is not None:
                return found
            self.stream.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.stream.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._data += data

    def is_closed(self, *, within_s: float = 5) -> bool:
        """Whether the host closes the connection in that time."""
        try:
            return self.receive(within_s=within_s) is None
        except TimeoutError:
            return False

    def close(self) -> None:
        self.stream.close()

    def _whole_frame(self) -> Message | None:
        head, blank, rest = self._data.partition(b"\n\n")
        if not blank:
            return None
        command, *lines = head.decode().split("\n")
        headers = dict(line.split(":", 1) for line in lines)
        if "content-length" in headers:
            length = int(headers["content-length"])
            if len(rest) <= length:
                return None
            body, self._data = rest[:length], rest[length + 1 :]
        else:
            body, end, after = rest.partition(b"\0")
            if not end:
                return None
            self._data = after
        return command, headers, body


def _connected(host: str, port: int, tls: ssl.SSLContext | None) -> socket.socket:
    stream = socket.create_connection((host, port), timeout=30)
    try:
        return stream if tls is None else tls.wrap_socket(stream, server_hostname=host)
    except OSError:
        stream.close()
        raise


def _request(method: str, params: Any, request_id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params, "id": request_id}
