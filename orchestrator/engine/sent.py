"""What makes a request the same request: what its caller sent, however a process happens to write it."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from orchestrator.core.command import Command
from orchestrator.engine.parameters import dumped


def digest_of_sent(kind: str, command: Command, *circumstances: str | None) -> str:
    """Gives a digest that is the same for the same request in every process.

    Fields that the caller left out do not count: their defaults may be drawn afresh.
    """
    sent = _in_order(command, dumped(command, exclude_unset=True))
    said = json.dumps([kind, sent, *circumstances], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _in_order(value: Any, stored: Any) -> Any:
    """Gives the JSON of a value with its sets sorted; it walks where both have the same shape."""
    match stored:
        case dict():
            inner = _by_key(value)
            if inner is None and isinstance(value, Mapping) and len(value) == len(stored):
                inner = dict(zip(stored, value.values(), strict=True))
            return {key: _in_order((inner or {}).get(key), one) for key, one in stored.items()}
        case list() if isinstance(value, list | tuple | deque | set | frozenset):
            if len(value) != len(stored):
                return stored
            found = [_in_order(one, other) for one, other in zip(value, stored, strict=True)]
            return sorted(found, key=_text) if isinstance(value, set | frozenset) else found
    return stored


def _by_key(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, BaseModel):
        return {**value.__dict__, **(value.model_extra or {})}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name, None) for one in fields(value)}
    return None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
