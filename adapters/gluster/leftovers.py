"""Looks on bricks that were taken out for files that stayed behind, which Gluster does not tell."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

SHOWN = 20
TIMEOUT = timedelta(minutes=1)


class Leftovers:
    """Runs `find` on the host of a brick, through `command`: words in which `{host}` is its host.

    `("ssh", "root@{host}")` for instance, or `("env",)` where the bricks are here. Without words
    nobody looks.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = tuple(command)

    def tell(self, bricks: Sequence[str]) -> str:
        """Gives a sentence about what is left on these bricks (`host:/path`)."""
        if not self._command:
            return "look on them for files that were left behind"
        return "; ".join(self._tell_of(brick) for brick in bricks)

    def _tell_of(self, brick: str) -> str:
        try:
            names = self._find(brick)
        except (OSError, subprocess.SubprocessError) as error:
            return f"whether files were left behind on {brick} could not be seen ({error})"
        if not names:
            return f"nothing was left behind on {brick}"
        more = ", ..." if len(names) > SHOWN else ""
        shown = ", ".join(names[:SHOWN])
        return f"{len(names)} files were left behind on {brick}: {shown}{more}"

    def _find(self, brick: str) -> list[str]:
        host, _, path = brick.partition(":")
        # Gluster's own files are passed over, and the empty pointers to files on other bricks.
        find = ["find", path, "-path", f"{path}/.glusterfs", "-prune", "-o"]
        find += [
            "(",
            "-type",
            "l",
            "-o",
            "-type",
            "f",
            "!",
            "-perm",
            "1000",
            ")",
            "-printf",
            "%P\\n",
        ]
        command = [word.replace("{host}", host) for word in self._command]
        is_shell = Path(command[0]).name == "ssh"
        done = subprocess.run(
            [*command, *(map(shlex.quote, find) if is_shell else find)],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=TIMEOUT.total_seconds(),
        )
        return sorted(line for line in done.stdout.splitlines() if line)
