"""Where a process runs: the place within which its process id means something."""

from __future__ import annotations

import socket
from pathlib import Path

PROC = Path("/proc")


def here() -> str:
    """Gives the place of this process: one boot of one machine, and there one table of processes.

    A host's name does not say as much: containers that share it have tables of their own, and so has the machine
    after a restart.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        table = (PROC / "self/ns/pid").readlink().name
    except OSError:
        return socket.gethostname()  # not Linux: no containers that share a name
    return f"{boot} {table}"
