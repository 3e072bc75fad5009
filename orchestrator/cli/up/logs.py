"""Where the lines of the parts go: to the terminal with a coloured prefix, or into files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Protocol, TextIO

from rich.text import Text

from orchestrator.cli.terminal import SafeConsole

OWN = "up"
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")


class Log(Protocol):
    """Takes lines from several threads; `name` says whose they are."""

    def write(self, name: str, line: str) -> None:
        """Takes one line without its end."""


class TerminalLog:
    """Writes all lines to stderr, each behind its part's name."""

    def __init__(self, names: list[str]) -> None:
        self._console = SafeConsole(file=sys.stderr, soft_wrap=True)
        self._width = max(len(name) for name in (*names, OWN))
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self._guard = threading.Lock()

    def write(self, name: str, line: str) -> None:
        prefix = f"{name:<{self._width}} │ "
        style = self._colours.get(name, "bold")
        with self._guard:
            self._console.print(Text.assemble((prefix, style), line))


class FileLog:
    """Writes each part's lines into a file of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._files: dict[str, TextIO] = {}
        self._guard = threading.Lock()

    def write(self, name: str, line: str) -> None:
        with self._guard:
            if name not in self._files:
                self._files[name] = (self.directory / f"{name}.log").open("a")
            self._files[name].write(f"{line}\n")
            self._files[name].flush()

    def close(self) -> None:
        """Closes the files."""
        with self._guard:
            for file in self._files.values():
                file.close()
            self._files.clear()
