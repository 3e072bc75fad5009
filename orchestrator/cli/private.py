"""Directories and files that nobody else on the machine can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(directory: Path) -> None:
    """Makes a directory for this user alone; one that is there, and is this user's, is closed to others.

    Raises OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid == os.geteuid() and found.st_mode & OTHERS:
        directory.chmod(0o700)


def write_private(path: str, text: str) -> None:
    """Writes a file that nobody else can read, not even for a moment."""
    draft = f"{path}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)  # a draft left over may have had another mode
        file.write(text.strip() + "\n")
    os.replace(draft, path)
