"""How things read: statuses with their symbols, times, bars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.text import Text

from orchestrator.cli.console import Json
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.core.status import FINAL, Status


@dataclass(frozen=True, slots=True)
class Look:
    """A status as people see it; the word always stands beside the symbol."""

    symbol: str
    style: str


LOOKS: Mapping[Status, Look] = {
    Status.PENDING: Look("○", "dim"),
    Status.BLOCKED: Look("◌", "yellow"),
    Status.READY: Look("○", "blue"),
    Status.RUNNING: Look("◔", "blue"),
    Status.WAITING: Look("◑", "blue"),
    Status.DELAYED: Look("◷", "yellow"),
    Status.NEEDS_ATTENTION: Look("!", "bold magenta"),
    Status.SUCCEEDED: Look("✓", "green"),
    Status.FAILED: Look("×", "red"),
    Status.STOPPED: Look("■", "yellow"),
    Status.SKIPPED: Look("–", "dim"),
    Status.COMPENSATED: Look("↶", "yellow"),
}

_UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def look(status: str) -> Look:
    """Gives how a status looks; an unknown word, of a newer server, looks plain."""
    try:
        return LOOKS[Status(status)]
    except ValueError:
        return Look("·", "")


def has_ended(command: Json) -> bool:
    """Whether the command's status is final."""
    return command["status"] in FINAL


def status_text(status: str) -> Text:
    """Gives symbol and word in the status's colour."""
    found = look(status)
    return Text(f"{found.symbol} {status.replace('_', ' ')}", style=found.style)


def brief(text: str) -> str:
    """Gives a text with its UUIDs cut to their first eight characters, so that a line can hold it."""
    return _UUID.sub(r"\1…", text)


def bar(progress: float | None, width: int, style: str) -> Text:
    """Gives a bar of that many columns, its done part in the given style."""
    share = min(max(progress or 0.0, 0.0), 1.0)
    done = round(share * width)
    return Text.assemble(("━" * done, style), ("─" * (width - done), "bright_black"))


def percent(progress: float | None) -> str:
    """Gives `71%`, or nothing when nobody knows."""
    return "" if progress is None else f"{int(progress * 100)}%"


def moment(text: str | None) -> datetime | None:
    """Reads a time of the API."""
    return None if not text else datetime.fromisoformat(text)


def clock(seconds: float) -> str:
    """Gives a length of time in two units: `0.4s`, `36s`, `4m 20s`, `3h 08m`, `2d 04h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def age(text: str | None, now: datetime | None = None) -> str:
    """Gives how long ago a time was, in one unit: `17m`."""
    then = moment(text)
    if then is None:
        return ""
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def duration_s(command: Json, now: datetime | None = None) -> float | None:
    """Gives how many seconds a command took, or has taken so far; None before its start."""
    start = moment(command.get("start_time"))
    if start is None:
        return None
    end = moment(command.get("end_time")) or now or datetime.now(UTC)
    return max((end - start).total_seconds(), 0.0)


def read_duration(text: str) -> timedelta:
    """Reads `90s`, `2h`, `1h30m`, `90d` or a number of seconds. Raises CliError."""
    compact = text.replace(" ", "").lower()
    try:
        return timedelta(seconds=float(compact))
    except ValueError:
        pass
    found = _DURATION.findall(compact)
    if not found or "".join(number + unit for number, unit in found) != compact:
        raise CliError(
            f"{text!r} is no length of time; write 90s, 15m, 2h, 1h30m or 90d",
            ExitCode.WRONG_USAGE,
        )
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in found))
