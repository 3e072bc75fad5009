"""Checks of what a command class declares, so that a slip is found when the program starts."""

from __future__ import annotations

import math
from datetime import timedelta

from orchestrator.core.errors import LONGEST, BadCommandError


def expect(name: str, value: object, wanted: str, is_right: bool, who: str = "Retry: ") -> None:
    """Raises BadCommandError that names what is wrong, and how it should be."""
    if not is_right:
        raise BadCommandError(f"{who}expected {name} to be {wanted}, got {value!r}")


def is_whole(value: object, least: int) -> bool:
    """Tells whether it is a whole number, and large enough."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object, most: float) -> bool:
    """Tells whether it is a finite number from 0 to `most`."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= most


def is_wait(value: object) -> bool:
    """Tells whether it is a time that can be waited for."""
    return isinstance(value, timedelta) and timedelta(0) <= value <= LONGEST
