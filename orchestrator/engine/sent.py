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
from orchestrator.core.sealed import SECRET
from orchestrator.core.secret import SEALING, Secret
from orchestrator.engine.keyring import Keyring
from orchestrator.engine.parameters import dumped


def digest_of_sent(kind: str, command: Command, *circumstances: str | None) -> str:
    """Gives a digest that is the same for the same request in every process; of a command without secrets.

    Fields that the caller left out do not count: their defaults may be drawn afresh.
    """
    return _digest(kind, command, circumstances, {})


def digests_of_sent(
    kind: str, command: Command, *circumstances: str | None, keyring: Keyring
) -> tuple[str, ...]:
    """Gives the digest of a request, and those that it would have had under each of the other keys.

    Secrets count by their fingerprint, so that who reads a digest cannot try out guesses: it takes the key, whose
    id stands before the digest. Without secrets there is one digest, which needs no key.
    """
    found = []
    for key_id in keyring.ids:
        prints = _Fingerprints(keyring, key_id)
        digest = _digest(kind, command, circumstances, {SEALING: prints})
        if not prints.met:
            return (digest,)
        found.append(f"{key_id}:{digest}")
    return tuple(found) or (digest_of_sent(kind, command, *circumstances),)


def key_of_digest(digest: str) -> str | None:
    """Gives the id of the key that a stored digest was made with; None where it took none."""
    key_id, colon, _ = digest.partition(":")
    return key_id if colon else None


class _Fingerprints:
    """Writes fingerprints for secrets, and tells whether it met any."""

    def __init__(self, keyring: Keyring, key_id: str) -> None:
        self._keyring, self._key_id = keyring, key_id
        self.met = False

    def seal(self, secret: Secret[Any], stored: Any) -> dict[str, str]:
        self.met = True
        said = _text(_in_order(secret.get_secret_value(), stored))
        return {SECRET: self._keyring.fingerprint(said, self._key_id)}


def _digest(
    kind: str, command: Command, circumstances: tuple[str | None, ...], context: dict[str, Any]
) -> str:
    sent = _in_order(command, dumped(command, exclude_unset=True, context=context))
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
