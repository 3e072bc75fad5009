"""Where a process runs: the place within which its process id means something, and whether it is there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

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


def process_lives(pid: int) -> bool:
    """Tells whether this place has such a process that still runs. What cannot be seen is taken to live.

    Should another have its id by now, the lease tells soon enough. (When it was born would tell, but not to somebody
    whose clock has been set since.)
    """
    if not is_there(pid):
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True  # hidden from us (hidepid, ProtectProc) or of another user: its lease tells


def is_there(pid: int) -> bool:
    """Tells whether the kernel knows such a process; `/proc` may hide one that it knows."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and another user's
    return True
