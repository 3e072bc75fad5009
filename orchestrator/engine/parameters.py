"""Turns a command into the parameters that are stored, and makes sure that the same command comes back."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from orchestrator.core.catalog import CommandType, describe_problems
from orchestrator.core.command import Command
from orchestrator.core.errors import BadInputError, ContendedError, UnavailableError
from orchestrator.core.sealed import unsealed
from orchestrator.core.secret import MASK, Secret
from orchestrator.engine.answers import describe
from orchestrator.engine.asking import shown
from orchestrator.engine.keyring import MAKE_ONE
from orchestrator.engine.storable import stored_size
from orchestrator.engine.vault import Sealing

SECRETS_HINT = "a secret is written masked; declare orchestrator.Secret[str]"
BYTES_HINT = "bytes are written as text; declare pydantic.Base64Bytes"


def parameters_of(
    command: Command, known: CommandType, most_bytes: int, sealing: Sealing
) -> dict[str, Any]:
    """Gives the parameters as JSON, with what is secret sealed.

    Raises BadInputError that names a field which would not come back as it is, or a secret without a key.
    """
    try:
        parameters = dumped(command, context=sealing.context)
        if sealing.has_known:
            parameters = sealing.hidden(parameters)
        _check_size(known.kind, stored_size(parameters), most_bytes)
        _check_sealed(known.kind, parameters, sealing)
        kept: list[Secret[Any]] = []
        back = known.load(sealing.opened(parameters, kept))
        wrong = _what_changes(command, back, parameters)
    except (UnavailableError, ContendedError, BadInputError):
        raise
    except Exception as problem:  # serializers and validators are anybody's code
        raise _refusal(known.kind, _what_raises(command, problem)) from problem
    if wrong is not None:
        raise _refusal(known.kind, wrong)
    return parameters


def dumped(command: Command, **which: Any) -> dict[str, Any]:
    """Gives the fields as JSON, without what is computed from them; `which` chooses some of them."""
    return command.model_dump(mode="json", round_trip=True, warnings=False, **which)


def _check_sealed(kind: str, parameters: dict[str, Any], sealing: Sealing) -> None:
    if sealing.lacks_key:
        found = ", ".join(unsealed(parameters)) or "one of them"
        raise BadInputError(
            f"the parameters of {kind} cannot be stored: {found} is secret, and no key is set here to"
            f" encrypt it with; {MAKE_ONE}"
        )
    if sealing.is_forged(parameters):
        raise BadInputError(
            f"the parameters of {kind} cannot be stored: one of them looks like a secret that is"
            " encrypted already; send secrets as they are"
        )


def _check_size(kind: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise BadInputError(
            f"the parameters of {kind} take {size} bytes; at most {most_bytes}"
            " are allowed, so store large data elsewhere and pass its name"
        )


def _refusal(kind: str, why: str) -> BadInputError:
    return BadInputError(
        f"the parameters of {kind} cannot be stored: {why}; write them another way"
    )


def _what_changes(command: Command, back: Command, parameters: dict[str, Any]) -> str | None:
    """Says which field a worker would read differently, and how; None if none."""
    if back.__dict__ == command.__dict__ and back.model_extra == command.model_extra:
        return None
    read = _fields(back)
    for name, value in _fields(command).items():
        if name not in read:
            return f"{name}: it would be lost"
        if not _are_equal(value, read[name]):
            seen = f"{name}: a worker would read {shown(read[name])}, not {shown(value)}"
            return f"{seen}; {hint}" if (hint := _hint(value, parameters.get(name))) else seen
    return None


def _fields(command: Command) -> dict[str, Any]:
    """Gives the fields and what more was sent, without what was computed and kept since."""
    known = type(command).model_fields
    mine = {name: value for name, value in command.__dict__.items() if name in known}
    return mine | (command.model_extra or {})


def _are_equal(value: Any, other: Any) -> bool:
    try:
        return bool(value == other)
    except Exception:  # an `__eq__` may do anything
        return False


def _hint(value: Any, stored: Any) -> str:
    if MASK in str(stored):  # what pydantic writes for SecretStr and SecretBytes
        return SECRETS_HINT
    if isinstance(value, float) and stored is None:
        return "NaN and Infinity are no JSON numbers"
    return BYTES_HINT if isinstance(value, bytes) else ""


def _what_raises(command: Command, problem: Exception) -> str:
    if isinstance(problem, ValidationError):
        return f"a worker could not read them back: {describe_problems(problem)}"
    for name in _fields(command):
        try:
            stored_size(dumped(command, include={name}))
        except UnicodeDecodeError:
            return f"{name}: it is no UTF-8; {BYTES_HINT}"
        except ValueError as wrong:
            return f"{name}: {wrong}"
        except Exception as wrong:
            return f"{name}: {describe(wrong)}"
    return describe(problem)
