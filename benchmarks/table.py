"""The one table that a benchmark prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.peers import OWN
from benchmarks.summary import OURS, Line, slopes

WIDTH = 150
DASH = "–"


def show(machine: Mapping[str, str], lines: list[Line], settings: Mapping[str, str]) -> None:
    """Prints the machine, the table, what was left out and why, and how each contestant was run."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True)
    console.print(_table(lines))
    for slope in slopes(lines):
        console.print(slope, soft_wrap=True)
    console.print("\nNot measured:")
    for line in _missing(lines):
        console.print(f"  {line}", soft_wrap=True)
    console.print("\nHow each was run:")
    for name, setting in settings.items():
        console.print(f"  {name}: {setting}", soft_wrap=True)


def _table(lines: Iterable[Line]) -> Table:
    table = Table(
        title="medians; “we are” above 1 × is in our favour; costs are per unit of work",
        title_justify="left",
    )
    table.add_column("work / who", max_width=46)
    for name in ("median", "lowest–highest", "rounds", "we are", "writes", "statements"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("log kB", "broker", "CPU ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("further")
    work = None
    for line in lines:
        if line.work.key != work:
            work = line.work.key
            table.add_section()
            table.add_row(f"[bold]({work}) {line.work.title}[/bold]", f"[dim]{line.work.unit}")
        if line.reason != OWN:
            table.add_row(*_cells(line))
    return table


def _cells(line: Line) -> list[str]:
    if line.value is None or line.low is None or line.high is None:
        return [f"  {line.peer}", DASH]
    unit_costs = line.work.figure in {"rate", "latency"}
    cost = line.cost if unit_costs else {}
    wal = cost.get("wal_bytes")
    unended = line.details.get("commands_not_ended", 0) > 0
    return [
        f"  {line.peer}",
        f"> {_number(line.value)}" if unended else _number(line.value),
        f"{_number(line.low)}–{_number(line.high)}",
        str(line.rounds),
        "us" if line.peer == OURS else _times(line.ratio),
        _cost(cost.get("writes")),
        _cost(cost.get("statements")),
        _cost(None if wal is None else wal / 1000),
        _cost(cost.get("broker_commands")),
        _cost(cost.get("cpu_ms")),
        _further(line),
    ]


def _further(line: Line) -> str:
    details = line.details
    match line.work.figure:
        case "latency":
            return f"p95 {_number(details['p95_ms'])}, p99 {_number(details['p99_ms'])}"
        case "recovery":
            lost = details["steps_lost"] + details["commands_not_ended"]
            return f"lost {lost:.0f}, repeated {details['repeated']:.0f}"
        case "idle":
            memory = (line.cost.get("memory_bytes") or 0) / 1e6
            return f"{memory:.0f} MB, {details.get('polls', 0):.0f} polls"
        case "rate":
            repeated = details.get("repeated", 0)
            return f"repeated {repeated:.0f}" if repeated else ""


def _missing(lines: Iterable[Line]) -> list[str]:
    """Gives one sentence for each contestant and reason, with the works that it concerns."""
    works: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if line.reason is not None:
            works.setdefault((line.peer, line.reason), []).append(line.work.key)
    return [f"{peer} ({', '.join(keys)}): {reason}" for (peer, reason), keys in works.items()]


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cost(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _times(ratio: float | None) -> str:
    return DASH if ratio is None else f"{ratio:.1f} ×" if ratio < 100 else f"{ratio:,.0f} ×"
