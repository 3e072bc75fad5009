"""STOMP 1.2 frames: bytes to frames and back, without any input or output of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_BYTES = 64 * 1024 * 1024
"""A frame larger than this is taken for a broken or hostile peer."""

_ESCAPES = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"}
_UNESCAPES = {written: meant for meant, written in _ESCAPES.items()}
_NEVER_ESCAPED = frozenset({"CONNECT", "CONNECTED"})  # for the sake of STOMP 1.0 peers


class BadFrameError(ValueError):
    """The bytes are not STOMP; the connection that carried them is of no more use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One STOMP frame: a command, its headers, a body of bytes."""

    command: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        """Gives the frame's bytes; `content-length` is added when there is a body."""
        headers = dict(self.headers)
        if self.body:
            headers["content-length"] = str(len(self.body))
        lines = [self.command]
        for name, value in headers.items():
            if self.command in _NEVER_ESCAPED:
                lines.append(f"{name}:{value}")
            else:
                lines.append(f"{_escape(name)}:{_escape(value)}")
        return "\n".join(lines).encode() + b"\n\n" + self.body + b"\0"


class FrameReader:
    """Cuts a stream of bytes into frames; heartbeats between them are dropped."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Takes bytes and gives the frames that are complete; raises `BadFrameError`."""
        self._pending += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        if len(self._pending) > MOST_BYTES:
            raise BadFrameError(f"a frame exceeds {MOST_BYTES} bytes")
        return frames

    def _next(self) -> Frame | None:
        self._pending = self._pending.lstrip(b"\r\n")
        head, blank_line, rest = self._pending.partition(b"\n\n")
        if not blank_line:
            return None
        command, headers = _parse_head(head)
        length = _content_length(headers)
        if length is None:
            body, end, rest = rest.partition(b"\0")
            if not end:
                return None
        else:
            if len(rest) <= length:
                return None
            if rest[length : length + 1] != b"\0":
                raise BadFrameError(f"{command} frame does not end after {length} bytes")
            body, rest = rest[:length], rest[length + 1 :]
        self._pending = rest
        return Frame(command=command, headers=headers, body=body)


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    try:
        command, *lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise BadFrameError("a frame's head is not UTF-8") from error
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.rstrip("\r").partition(":")
        if not colon:
            raise BadFrameError(f"header {line!r} has no colon")
        if command not in _NEVER_ESCAPED:
            name, value = _unescape(name), _unescape(value)
        headers.setdefault(name, value)  # of a repeated header the first counts
    return command.rstrip("\r"), headers


def _content_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length")
    if text is None:
        return None
    if not text.isdigit() or int(text) > MOST_BYTES:
        raise BadFrameError(f"content-length {text!r} is not a sound number of bytes")
    return int(text)


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(one, one) for one in text)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    found: list[str] = []
    position = 0
    while position < len(text):
        pair = text[position : position + 2]
        if pair.startswith("\\"):
            if pair not in _UNESCAPES:
                raise BadFrameError(f"header has the unknown escape {pair!r}")
            found.append(_UNESCAPES[pair])
            position += 2
        else:
            found.append(text[position])
            position += 1
    return "".join(found)
