"""A real terminal of so many columns, for a program to be run in."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping


def run_in_terminal(
    *words: str, columns: int = 80, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs `orchestrator WORDS...` in a terminal; gives its exit code and what the terminal was sent."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    program = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1", **(environment or {})},
        start_new_session=True,
    )
    os.close(its)
    sent = b""
    while True:
        try:
            piece = os.read(mine, 65536)
        except OSError:  # the last who had it open is gone
            break
        if not piece:
            break
        sent += piece
    os.close(mine)
    return program.wait(), sent.decode(errors="surrogateescape")
