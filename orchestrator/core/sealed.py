"""How secrets stand in stored JSON: as an object with one key, which holds what only a key of the settings opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from orchestrator.core.secret import MASK

SECRET = "$secret"
"""The mark of a `Secret`: whoever reads the value gets one again."""
HIDDEN = "$hidden"
"""The mark of a plain value in which a secret could be read: whoever reads it gets the plain value."""
MARKS = (SECRET, HIDDEN)
_SCALARS = frozenset((str, int, float, bool, type(None)))
_TOKEN = re.compile(r"[0-9a-f]{8}:gAAAA[\w=-]+", re.ASCII)


def is_sealed(value: Any) -> bool:
    """Tells whether a JSON value is a secret as it is stored."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((mark, token),) = value.items()
    return mark in MARKS and isinstance(token, str) and _TOKEN.fullmatch(token) is not None


def has_sealed(value: Any) -> bool:
    """Tells whether there is a secret anywhere in a JSON value."""
    # Asked of all that is stored and read, so what nearly every value is costs next to nothing.
    if type(value) in _SCALARS:
        return False
    if isinstance(value, dict | Mapping):
        parts: Iterable[Any] = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    else:
        return False
    return is_sealed(value) or any(has_sealed(one) for one in parts if type(one) not in _SCALARS)


def replaced(value: Any, by: Callable[[str, str], Any]) -> Any:
    """Gives a JSON value with each secret in it as `by`, given its mark and token, has it."""
    match value:
        case dict() if is_sealed(value):
            ((mark, token),) = value.items()
            return by(mark, token)
        case Mapping():
            return {name: replaced(one, by) for name, one in value.items()}
        case list() | tuple():
            return [replaced(one, by) for one in value]
    return value


def masked(value: Any) -> Any:
    """Gives a JSON value as people and programs may see it."""
    return replaced(value, lambda _mark, _token: MASK) if has_sealed(value) else value


def unsealed(value: Any, path: str = "") -> Iterator[str]:
    """Names the places in a JSON value where a secret was to be sealed and there was no key."""
    match value:
        case dict() if any(value == {mark: ""} for mark in MARKS):
            yield path
        case dict():
            for name, one in value.items():
                yield from unsealed(one, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for number, one in enumerate(value):
                yield from unsealed(one, f"{path}.{number}")
