"""Commands of a user's own, as a module that the setting MODULES names."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path

import structlog
from pydantic import BaseModel

from orchestrator import (
    Command,
    Outcome,
    Plan,
    Refused,
    Retry,
    Run,
    Secret,
    best_effort,
    external,
    parallel,
    sequence,
)

log = logging.getLogger("mine")


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


class Word(BaseModel):
    """A result with a secret in it."""

    word: Secret[str]


class Keep(Command, kind="mine.keep", label="keep {word}"):
    """Passes a secret on; complains of it when that is undone."""

    word: Secret[str]

    def execute(self) -> Word:
        return Word(word=self.word)

    def compensate(self, run: Run, word: Word) -> None:
        log.warning("undoes %s", word.word.get_secret_value())
        if run.attempt < 3:
            raise RuntimeError(f"still keeps {word.word.get_secret_value()}")


class Tell(Command, kind="mine.tell", retry=Retry(attempts=2, first=timedelta(0))):
    """Tells whoever listens; notes that the word is the one it has itself."""

    book: str
    word: Secret[str]
    fails: bool = False

    def execute(self, kept: Word) -> dict[str, str]:
        said = self.word.get_secret_value()
        structlog.get_logger().warning("tells", word=said, command=repr(self))
        log.error("tells %s", said, extra={"word": said})
        if self.fails:
            raise RuntimeError(f"told {said!r}")
        _append(self.book, f"told {kept.word == self.word}")
        return {"said": said}


class Confide(Command, kind="mine.confide"):
    """Has a secret passed on, used by a vendor, and told."""

    book: str
    word: Secret[str]
    fails: bool = False
    waits: bool = False

    def plan(self) -> Plan:
        sign = external("acme", "Sign it", data={"word": self.word})
        return sequence(
            Keep(word=self.word),
            [sign] if self.waits else [],
            Tell(book=self.book, word=self.word, fails=self.fails),
        )

    def end(self, outcome: Outcome) -> None:
        _append(self.book, f"end {outcome}")


def _append(book: str, line: str) -> None:
    with Path(book).open("a") as pages:
        pages.write(f"{line}\n")
