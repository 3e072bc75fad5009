"""Where things are printed: results on stdout, notes on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from orchestrator.cli.terminal import SafeConsole, safe_json, say_lines

Json: TypeAlias = dict[str, Any]

PIPE_WIDTH = 240
"""Columns of a table that nobody looks at in a terminal: enough to cut nothing short."""


class Output(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


def results() -> Console:
    """Gives the console of results. Rich leaves colour out by itself for NO_COLOR and for pipes."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return SafeConsole(file=sys.stdout, width=width, soft_wrap=False)


def notes() -> Console:
    """Gives the console of progress, notes and errors."""
    return SafeConsole(file=sys.stderr, soft_wrap=True)


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def print_json(value: Any) -> None:
    """Writes a value as indented JSON."""
    say_lines(safe_json(json.dumps(value, indent=2, ensure_ascii=False)))


def print_lines(items: Iterable[Any]) -> None:
    """Writes each item as one line of JSON, at once."""
    for item in items:
        say_lines(safe_json(json.dumps(item, ensure_ascii=False)), flush=True)


def print_items(output: Output, answer: Json, table: Table) -> None:
    """Writes an answer that has `items`, in the way that was asked for."""
    match output:
        case Output.JSON:
            print_json(answer)
        case Output.JSONL:
            print_lines(answer["items"])
        case Output.TABLE:
            results().print(table)


def plain_table(*columns: str) -> Table:
    """Makes a table without lines, with dim upper-case heads.

    The first column, by which a row is named, stays whole; the others fold where the terminal is narrow.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column.upper(), no_wrap=place == 0, overflow="fold")
    return table
