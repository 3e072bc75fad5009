"""Rows that cannot be read: changed by hand, or written by a newer version. They are shown for what they are.

One such row must not be in the way of any other, so what reads many rows never raises for one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from orchestrator.core.entity import CommandEntity
from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.status import Mode, Outcome, Phase, Status, Verbs

SHOWN = 60  # characters of what a column holds
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Garbled:
    """What a column holds that should be JSON or a time, and is not."""

    text: str


def loads(text: Any) -> Any:
    """Reads JSON; gives what is none as `Garbled`."""
    try:
        return orjson.loads(text)
    except ValueError:
        return Garbled(str(text))


def instant(text: str) -> Any:
    """Reads a time; gives what is none as `Garbled`."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return Garbled(text)


def locks_of(value: Any) -> tuple[Lock, ...]:
    """Reads the locks of a command. Raises ValueError or TypeError for what is none."""
    return tuple(Lock(kind, one, LockMode(mode)) for kind, one, mode in value or ())


def unreadable(names: Iterable[str], row: Iterable[Any]) -> CommandEntity:
    """Gives what can be read of a row, as a command that needs attention and says what is wrong with it."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for (field, default), name, value in zip(_fields(), names, row, strict=True):
        try:
            values[field] = READERS.get(field, _as_it_is)(value)
        except (ValueError, TypeError, KeyError):
            text = value.text if isinstance(value, Garbled) else value
            wrong.append(f"{name} holds {str(text)[:SHOWN]!r}")
            values[field] = default
    reason = f"its row cannot be read: {', '.join(wrong) or 'for an unknown reason'}"
    shown = CommandEntity(**values)
    return shown._replace(
        status=Status.NEEDS_ATTENTION,
        label=shown.label or shown.kind,
        created_at=shown.created_at or NO_TIME,
        message=reason,
        unreadable=reason,
    )


def is_sound(numbers: tuple[int, ...], times: tuple[Any, ...], progress: float | None) -> bool:
    """Tells whether no number is negative, each time is one, and the progress can be shown."""
    return (
        min(numbers) >= 0
        and Garbled not in map(type, times)
        and (progress is None or math.isfinite(progress))
    )


def _fields() -> list[tuple[str, Any]]:
    defaults = {"command_id": "", "root_id": "", "kind": "", "version": 0, "label": ""}
    names = [one for one in CommandEntity._fields if one != "unreadable"]
    return [(one, defaults.get(one, CommandEntity._field_defaults.get(one))) for one in names]


def _as_it_is(value: Any) -> Any:
    if isinstance(value, Garbled):
        raise TypeError(value.text)
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _verbs(value: Any) -> Verbs:
    if _count(value) >= 2 * max(Verbs):
        raise ValueError(value)
    return Verbs(value)


def _time(value: Any) -> datetime | None:
    if value is not None and not isinstance(value, datetime):
        raise ValueError(value)
    return value


def _fraction(value: Any) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(value)
    return None if value is None else float(value)


def _optional(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else kind(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "status": Status,
    "phase": Phase,
    "mode": _optional(Mode),
    "verbs": _verbs,
    "in_sequence": bool,
    "best_effort": bool,
    "visible_to_ui": bool,
    "order": lambda value: int(value or 0),
    "outcome": _optional(Outcome),
    "stopping": _optional(Outcome),
    "locks": locks_of,
    "progress": _fraction,
    **dict.fromkeys(
        ("version", "parts", "pending", "revision", "attempt", "tries", "deaths", "nudges", "weight",
         "restarts", "stuck"),
        _count,
    ),
    **dict.fromkeys(
        ("wake_at", "deadline", "created_at", "start_time", "end_time", "last_update_time"), _time
    ),
}  # fmt: skip
