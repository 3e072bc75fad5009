"""What can be stored: JSON with whole numbers of at most 64 bits, and texts that every database takes."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

MOST_LEVELS = 200  # orjson writes 254, and a value is stored and shown within others
_WITHIN = 254 - MOST_LEVELS
_STRICT = json.JSONEncoder(allow_nan=False, skipkeys=True, default=lambda _other: None)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def stored_size(value: Any) -> int:
    """Gives how many bytes a JSON value takes. Raises ValueError that says why it cannot be stored."""
    return len(stored_text(value))


def stored_text(value: Any) -> bytes:
    """Gives a JSON value as it is written. Raises ValueError that says why it cannot be stored."""
    try:
        text = orjson.dumps(value)
    except TypeError as problem:  # a greater number, half a character, or what is not JSON
        raise ValueError(str(problem)) from problem
    if b"\\u0000" in text and _NUL.search(text):
        raise ValueError("a text has the character NUL")
    if b"null" in text:
        _check_numbers(value)
    if text.count(b"[") + text.count(b"{") > MOST_LEVELS:
        _check_levels(value)
    return text


def _check_numbers(value: Any) -> None:
    """Looks whether a null was a number: what orjson writes for NaN and Infinity."""
    try:
        _STRICT.encode(value)
    except ValueError as problem:
        raise ValueError("NaN and Infinity are no JSON numbers") from problem


def _check_levels(value: Any) -> None:
    for _ in range(_WITHIN):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError as problem:
        raise ValueError(f"nested deeper than {MOST_LEVELS} levels") from problem
