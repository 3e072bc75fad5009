"""Where an `orchestrator up` of this user runs: how programs on its machine find it when nobody tells them.

`up` notes its data directory beside the user's others, and in it what its own parts were told. Its lock says whether it
still runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = "up.lock"
PLACES_FILE = "places.json"
NOTED_FILE = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A system that is up: its data directory, and the environment that its parts were given."""

    data: Path
    environment: Mapping[str, str]

    def setting(self, name: str) -> str | None:
        """Gives a setting of its, by its name in lower case; None where it has none."""
        return self.environment.get(f"ORCHESTRATOR_{name.upper()}") or None


def announce(data: Path, environment: Mapping[str, str]) -> None:
    """Notes that a system runs there. Only its user can read where: addresses may hold passwords."""
    told = {name: value for name, value in environment.items() if name.startswith("ORCHESTRATOR_")}
    _write(data / PLACES_FILE, json.dumps(told))
    noted = _noted()
    noted.parent.mkdir(parents=True, exist_ok=True)
    others = [one for one in _directories() if one != str(data) and _is_up(Path(one))]
    _write(noted, json.dumps([str(data), *others]))


def find_running(data: Path | None = None) -> Running | None:
    """Gives the system that runs on that data directory, or else the one that this user started last."""
    directories = [str(data)] if data is not None else _directories()
    for one in directories:
        directory = Path(one)
        if _is_up(directory):
            with contextlib.suppress(OSError, ValueError):
                return Running(directory, json.loads((directory / PLACES_FILE).read_text()))
    return None


def _noted() -> Path:
    return Path.home() / ".orchestrator" / NOTED_FILE


def _directories() -> list[str]:
    try:
        found = json.loads(_noted().read_text())
    except (OSError, ValueError):
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _is_up(directory: Path) -> bool:
    """Tells whether somebody holds the lock of a data directory."""
    with _opened(directory / LOCK_FILE) as lock:
        if lock is None:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    os.replace(draft, path)
