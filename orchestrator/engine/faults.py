"""One switchboard of named points where tests may break the program. Off, it costs a dictionary look-up."""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "before_ack",
    "after_ack",
    "before_claim",
    "after_claim",
    "before_verb",
    "after_verb",
    "before_start",
    "after_start",
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
)
"""Every point there is, in the order in which a command passes them."""


class Death(BaseException):
    """Raised where a test plays that the process dies here: nothing that is done about errors is done about it."""


_armed: dict[str, Callable[[], None]] = {}


def fault(point: str) -> None:
    """Does what a test has armed this point with; nothing in production."""
    if _armed and (act := _armed.get(point)) is not None:
        act()


def arm(point: str, act: Callable[[], None]) -> None:
    """Arms a point. Raises KeyError for one that does not exist."""
    if point not in POINTS:
        raise KeyError(f"there is no fault point {point!r}; there are {', '.join(POINTS)}")
    _armed[point] = act


def disarm() -> None:
    """Makes all points harmless again."""
    _armed.clear()
