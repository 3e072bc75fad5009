"""Where a process runs: the place within which its process id means something, and whether it is there.

Only what the kernel says of our own place counts as a death. What cannot be looked into (hidden by `hidepid` or
`ProtectProc`, another user's, another container's or machine's) is judged by its lease.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NOWHERE = ""
"""The place of who cannot tell where it is: nobody is its neighbour."""
DEAD_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the process table shows of one process.

    `born` is counted in clock ticks since the machine began, so setting a clock does not change it.
    """

    state: str
    threads: int
    born: int


class ProcessTable:
    """The processes that the kernel knows in the place of this one, and what `/proc` shows of them."""

    def __init__(
        self,
        kill: Callable[[int, int], None] | None = None,
        look: Callable[[int], Seen | None] | None = None,
    ) -> None:
        self._kill, self._look = kill, look or _look

    def here(self) -> str:
        """Gives the place of this process: one boot of one machine, and there one table of processes and one time.

        A host's name does not say as much: containers that share it have tables of their own, and so has the machine
        after a restart.
        """
        if sys.platform != "linux":
            return socket.gethostname()  # no containers that share a name
        if not _shows_our_place():
            return NOWHERE
        try:
            boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
            spaces = [(PROC / "self/ns" / one).readlink().name for one in ("pid", "time")]
        except OSError:
            return NOWHERE
        return " ".join((boot, *spaces))

    def born(self, pid: int) -> int | None:
        """Gives when the process began; None where that cannot be seen."""
        seen = self._look(pid)
        return None if seen is None else seen.born

    def knows(self, pid: int) -> bool:
        """Tells whether the kernel has such a process; `/proc` may hide one that it has."""
        try:
            (self._kill or os.kill)(pid, 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            pass  # it is there, and another user's; or no number of a process, which proves nothing
        return True

    def lives(self, pid: int, born: int | None) -> bool:
        """Tells whether the process that began then still runs. What cannot be seen is taken to live."""
        if not self.knows(pid):
            return False
        seen = self._look(pid)
        if seen is None:
            return True
        if born is not None and seen.born != born:
            return False  # another has its id by now
        return seen.state not in DEAD_STATES or seen.threads > 1


def _look(pid: int) -> Seen | None:
    """Reads a line of the process table, if it is the table of our place and shows that one."""
    if not _shows_our_place():
        return None
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
        fields = text[text.rindex(")") + 2 :].split()  # a name may hold anything, brackets too
        return Seen(state=fields[0], threads=int(fields[17]), born=int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def _shows_our_place() -> bool:
    """Tells whether `/proc` shows the place that we are in; in a container it may be that of the machine around it."""
    try:
        status = (PROC / "self/status").read_text()
    except OSError:
        return False
    numbers = next((one for one in status.splitlines() if one.startswith("NSpid:")), "")
    return numbers.split()[1:] == [str(os.getpid())]
