"""Commands of a user's own, as a module that the setting MODULES names."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator import Command, Outcome, Plan, Refused, best_effort, external, parallel, sequence


class Note(Command, kind="mine.note", label="note {text}"):
    """Appends a line to a file."""

    book: str
    text: str
    fails: bool = False

    def execute(self) -> str:
        if self.fails:
            raise Refused("it may not be noted")
        _append(self.book, self.text)
        return self.text

    def compensate(self) -> None:
        _append(self.book, f"undo {self.text}")


class Rest(Command, kind="mine.rest"):
    """Takes its time, and notes when it begins and ends."""

    book: str
    seconds: float

    def execute(self) -> None:
        _append(self.book, "begins")
        time.sleep(self.seconds)
        _append(self.book, "ends")


class Day(Command, kind="mine.day"):
    """Rests, and notes something then."""

    book: str

    def plan(self) -> Plan:
        return sequence(Rest(book=self.book, seconds=2.0), Note(book=self.book, text="noted"))


class Story(Command, kind="mine.story"):
    """Notes in order, side by side, and at best effort; undone if the last is to fail."""

    book: str
    fails: bool = False
    waits: bool = False

    def plan(self) -> Plan:
        def note(text: str, *, fails: bool = False) -> Note:
            return Note(book=self.book, text=text, fails=fails)

        return sequence(
            note("1"),
            note("2"),
            parallel(note("3a"), note("3b"), sequence(note("3c"), note("3d"))),
            best_effort(note("4", fails=True)),
            [external("acme", "Sign it")] if self.waits else [],
            note("5", fails=self.fails),
        )

    def end(self, outcome: Outcome, told: list[str]) -> int:
        _append(self.book, f"end {outcome}")
        return len(told)


def _append(book: str, line: str) -> None:
    with Path(book).open("a") as pages:
        pages.write(f"{line}\n")
