"""Asks a command value what is wanted to know before it runs: its label, its locks and its plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from orchestrator.core.command import Command
from orchestrator.core.errors import BadInputError, ContendedError, UnavailableError
from orchestrator.core.locks import Lock, LockMode, Locks
from orchestrator.core.plan import Part
from orchestrator.core.secret import masked_text
from orchestrator.engine.answers import describe
from orchestrator.engine.faults import Death
from orchestrator.engine.storable import stored_size

LABEL_LIMIT = 200  # characters: lists stay small, however long a parameter in it is
LOCK_LIMIT = 500  # characters; an index takes no more than 2,700 bytes
SHOWN = 80


def label_of(command: Command, masked: Callable[[str], str] = masked_text) -> str:
    """Gives the line that operators read, masked and then cut. Raises BadInputError when there is none to be had."""
    label = _ask(command, "label", command.describe)
    if not isinstance(label, str):
        raise _wrong(command, "label", f"gave {shown(label)}, not a text")
    label = masked(label)  # not after the cut: half a secret is not known for one
    if len(label) > LABEL_LIMIT:
        label = f"{label[: LABEL_LIMIT - 1]}…"
    _check_stored(command, "label", label)
    return label


def locks_of(command: Command) -> tuple[Lock, ...]:
    """Gives the locks in the order in which they are taken. Raises BadInputError for what is no lock."""
    found = _ask(command, "locks", command.locks)  # type: ignore[attr-defined]
    if not isinstance(found, Locks):
        raise _wrong(
            command, "locks", f"gave {shown(found)}; return exclusive(...), shared(...) or Locks()"
        )
    for lock in found.locks:
        if not isinstance(lock, Lock) or not isinstance(lock.mode, LockMode):
            raise _wrong(command, "locks", f"gave {shown(lock)}, which is no lock")
        for text in (lock.entity_type, lock.entity_id):
            if not isinstance(text, str) or not 0 < len(text) <= LOCK_LIMIT:
                raise _wrong(
                    command,
                    "locks",
                    f"names {shown(text)}; a name is a text of 1 to {LOCK_LIMIT} characters",
                )
            _check_stored(command, "locks", text)
    return found.in_order()


def plan_of(command: Command) -> Part:
    """Gives the plan as the command has it. Raises BadInputError for what `plan` raises."""
    plan: Part = _ask(command, "plan", command.plan)  # type: ignore[attr-defined]
    return plan


def shown(value: Any) -> str:
    """Gives a value as it may stand in a sentence, whatever its `__repr__` does."""
    if inspect.isclass(value):
        return f"the class {value.__name__}, not a value of it"
    try:
        text = masked_text(repr(value))
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _ask(command: Command, verb: str, call: Callable[[], Any]) -> Any:
    """Calls it. What it raises is a slip of whoever wrote the command, but for our own outage."""
    try:
        return call()
    except (UnavailableError, ContendedError, BadInputError, KeyboardInterrupt, Death):
        raise
    except BaseException as problem:
        reason = " ".join(describe(problem).split())  # pydantic says it in several lines
        raise _wrong(command, verb, f"raised {reason}") from problem


def _wrong(command: Command, verb: str, what: str) -> BadInputError:
    return BadInputError(f"{command.declared.kind} cannot be submitted: its {verb} {what}")


def _check_stored(command: Command, verb: str, text: str) -> None:
    try:
        stored_size(text)
    except ValueError as problem:
        raise _wrong(command, verb, f"cannot be stored: {problem}") from problem
