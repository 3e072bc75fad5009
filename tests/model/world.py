"""What scripted verbs touch: an append-only ledger of what they did, and the ways in which they go wrong."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import Run
from tests.model.odd import UNSTORABLE


@dataclass(frozen=True, slots=True)
class Effect:
    """One call of a verb. `did` is False where the script had it fail; `at` is in seconds."""

    command_id: str
    verb: str
    attempt: int
    did: bool
    at: float


class World:
    """The world in memory; a simulation gives it a clock and a way to die and to hang."""

    unstorable: Sequence[Callable[[], Any]] = UNSTORABLE
    """What verbs give that no store takes."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self._tallies: Counter[tuple[str, str]] = Counter()

    def note(self, run: Run, verb: str, *, did: bool = True) -> None:
        """Writes down that a verb was called and whether it did its work."""
        self.append(Effect(run.command_id, verb, run.attempt, did, self.time()))

    def append(self, effect: Effect) -> None:
        """Adds to the ledger, at once and for good."""
        self.effects.append(effect)

    def tally(self, run: Run, verb: str) -> int:
        """Counts, across crashes, how often this was asked for the command and verb; the first time is 1."""
        self._tallies[run.command_id, verb] += 1
        return self._tallies[run.command_id, verb]

    def ledger(self) -> list[Effect]:
        """Gives all effects, oldest first."""
        return self.effects

    def time(self) -> float:
        """Gives the time in seconds."""
        return time.time()

    def crash(self) -> None:
        """Kills this process as -9 does: nothing is cleaned up."""
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self, seconds: float) -> None:
        """Comes back after a long time."""
        time.sleep(seconds)


class FileWorld(World):
    """The world of real processes: files in one folder, written so that a kill -9 loses nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (folder / "tallies").mkdir(parents=True, exist_ok=True)

    def append(self, effect: Effect) -> None:
        line = (
            f"{effect.command_id} {effect.verb} {effect.attempt} {effect.did:d} {effect.at:.6f}\n"
        )
        _append(self.folder / "ledger", line.encode())

    def tally(self, run: Run, verb: str) -> int:
        return _append(self.folder / "tallies" / f"{run.command_id}.{verb}", b".")

    def ledger(self) -> list[Effect]:
        path = self.folder / "ledger"
        return list(_read(path.read_text().splitlines())) if path.exists() else []


def _append(path: Path, data: bytes) -> int:
    """Appends in one write, which no other process can come between; gives the size after it."""
    book = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(book, data)
        return os.lseek(book, 0, os.SEEK_CUR)
    finally:
        os.close(book)


def _read(lines: Iterable[str]) -> Iterable[Effect]:
    for line in lines:
        command_id, verb, attempt, did, at = line.split()
        yield Effect(command_id, verb, int(attempt), did == "1", float(at))
