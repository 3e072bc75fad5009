"""What can be stored: JSON with whole numbers of at most 64 bits, and texts that every database takes."""

from __future__ import annotations

import re
from typing import Any

import orjson

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def stored_size(value: Any) -> int:
    """Gives how many bytes a JSON value takes. Raises ValueError that says why it cannot be stored."""
    try:
        text = orjson.dumps(value)
    except TypeError as problem:  # a greater number, half a character, or what is not JSON
        raise ValueError(str(problem)) from problem
    if b"\\u0000" in text and _NUL.search(text):
        raise ValueError("a text has the character NUL")
    return len(text)
