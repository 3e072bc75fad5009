"""Small files that are either old or new, never torn; and bytes moved no faster than allowed."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from adapters.vdsm.simulator.refusal import AbortedError

_CHUNK_BYTES = 1024 * 1024


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replaces the file at once, so that a kill leaves the old content or the new."""
    draft = path.with_name(f".{path.name}.{threading.get_ident()}")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(draft, path)


def read_json(path: Path) -> dict[str, Any]:
    """Gives the object in the file; a missing file is an empty one."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return content if isinstance(content, dict) else {}


class Pace:
    """Lets so many bytes a second pass for one piece of work, and sees when it is to be aborted."""

    def __init__(self, bytes_per_s: float | None, aborted: threading.Event) -> None:
        self._bytes_per_s = bytes_per_s
        self._aborted = aborted
        self._begun = time.monotonic()
        self._passed_bytes = 0

    @property
    def chunk_bytes(self) -> int:
        """A tenth of a second's worth, so that progress is smooth and an abort is seen soon."""
        if self._bytes_per_s is None:
            return _CHUNK_BYTES
        return max(1, min(_CHUNK_BYTES, int(self._bytes_per_s / 10)))

    def passed(self, count: int) -> None:
        """Waits until that many more bytes are due; raises `AbortedError` when told to stop."""
        self._passed_bytes += count
        wait_s = 0.0
        if self._bytes_per_s is not None:
            due = self._begun + self._passed_bytes / self._bytes_per_s
            wait_s = max(0.0, due - time.monotonic())
        if self._aborted.wait(wait_s):
            raise AbortedError


def copy_bytes(
    source: BinaryIO, destination: BinaryIO, pace: Pace, progress: Callable[[int], None]
) -> int:
    """Copies chunk by chunk and tells `progress` the bytes so far; gives their final number."""
    total = 0
    while chunk := source.read(pace.chunk_bytes):
        destination.write(chunk)
        total += len(chunk)
        progress(total)
        pace.passed(len(chunk))
    destination.flush()
    return total


def write_zeros(
    destination: BinaryIO, size: int, pace: Pace, progress: Callable[[int], None]
) -> None:
    """Writes that many zero bytes chunk by chunk."""
    left = size
    while left > 0:
        count = min(left, pace.chunk_bytes)
        destination.write(bytes(count))
        left -= count
        progress(size - left)
        pace.passed(count)
    destination.flush()
