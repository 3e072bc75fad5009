"""What a verb answered, whatever that is, as something that can be stored: values, tasks, waits, errors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from orchestrator.core.asynctask import AsyncTask, WhenSilent
from orchestrator.core.catalog import CommandType, describe_problems
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import LONGEST, OrchestratorError, Refused, TryAgain
from orchestrator.core.secret import MASK, masked_text
from orchestrator.engine.faults import Death
from orchestrator.engine.keyring import MAKE_ONE
from orchestrator.engine.storable import stored_text
from orchestrator.engine.vault import ANYTHING, Sealing

TEXTS = ("system", "scope", "verb", "description")
ERROR_LIMIT = 2_000
SHORTEST = timedelta(milliseconds=100)  # to wait less is to ask without end
ASKED_AGAIN_IN = timedelta(
    seconds=5
)  # where `TryAgain` does not say when in a way that can be read


def describe(problem: BaseException) -> str:
    """Gives an error as one line for operators, without secrets. Never raises: it may be as broken as its verb."""
    name = type(problem).__name__
    try:
        text = _text_of(problem)
    except Death:
        raise
    except BaseException as odd:
        text = f"(its text cannot be read: {type(odd).__name__})"
    plain = isinstance(problem, Refused | TryAgain | OrchestratorError)
    return ((text or name) if plain else f"{name}: {text or name}")[:ERROR_LIMIT]


def _text_of(problem: BaseException) -> str:
    if isinstance(problem, ValidationError):
        return describe_problems(problem)  # its own text repeats the input
    return masked_text(str(problem))


def wait_of(problem: TryAgain) -> tuple[timedelta, str]:
    """Gives how long `TryAgain` wants to wait, cut to what can be waited for, and what operators read."""
    reason, after = describe(problem), getattr(problem, "after", None)
    if isinstance(after, int | float) and not isinstance(after, bool) and math.isfinite(after):
        after = timedelta(seconds=max(0.0, min(after, LONGEST.total_seconds())))
    if not isinstance(after, timedelta):
        wrong = f"`after` is of type {type(after).__name__}, not a timedelta"
        return ASKED_AGAIN_IN, f"{reason} ({wrong}; asked again in {ASKED_AGAIN_IN.seconds} s)"
    return max(SHORTEST, min(after, LONGEST)), reason


def check_called(verb: str, known: CommandType, answer: Any) -> Any:
    """Gives the answer back. Raises Refused when the call has done nothing yet, as that of an async function."""
    if inspect.isawaitable(answer) or inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        if inspect.iscoroutine(answer) or inspect.isgenerator(answer):
            answer.close()
        raise Refused(
            f"{verb} of {known.kind} returned a {type(answer).__name__}, which nobody runs;"
            " a verb does its work before it returns"
        )
    return answer


def value_of(entity: CommandEntity, known: CommandType, value: Any, sealing: Sealing) -> Any:
    """Gives what a verb returned as JSON, its secrets sealed. Raises Refused that says why it cannot be stored."""
    if value is None:
        return None
    codec = known.codec or ANYTHING
    try:
        found = codec.dump_python(value, mode="json", context=sealing.context)
        text = stored_text(found)
        is_masked = MASK.encode() in text and codec.validate_python(found) != value
    except Death:
        raise
    except BaseException as problem:  # a value may be of any class, with any methods
        raise _not_stored(entity, describe(problem)) from problem
    if is_masked:
        raise _not_stored(entity, "a secret in it is written masked; declare orchestrator.Secret")
    if sealing.has_known:
        found = sealing.hidden(found)
    if sealing.lacks_key:
        raise _not_stored(entity, f"it holds a secret, and no key is set here; {MAKE_ONE}")
    return found


def _not_stored(entity: CommandEntity, why: str) -> Refused:
    return Refused(f"{entity.kind} returned from {entity.phase} what cannot be stored: {why}")


def task_of(
    entity: CommandEntity, task: AsyncTask[Any], sealing: Sealing, *, timeout: timedelta
) -> AsyncTask[Any]:
    """Gives the task with waits that can be waited for, and a timeout; what is secret in its request is sealed.

    Raises Refused that names what is wrong.
    """
    request = sealing.hidden(task.request)  # an object stays one
    _check(entity, "request", request, Mapping)
    for name in TEXTS:
        _check(entity, name, getattr(task, name), str)
    for name in ("system", "scope", "verb"):
        if sealing.has_known and sealing.holds(getattr(task, name)):
            raise Refused(
                f"{entity.kind} returned a task whose {name} holds a secret; put it into the request"
            )
    if sealing.lacks_key:
        raise Refused(
            f"{entity.kind} returned a task that holds a secret, and no key is set here; {MAKE_ONE}"
        )
    try:
        when_silent = WhenSilent(task.when_silent)
    except ValueError:
        raise Refused(
            f"{entity.kind} returned a task whose when_silent is {task.when_silent!r};"
            f" it is one of {', '.join(WhenSilent)}"
        ) from None
    return replace(
        task,
        request=request,
        description=sealing.masked(task.description),
        when_silent=when_silent,
        timeout=_span(entity, "timeout", task.timeout) or timeout,
        lease=_span(entity, "lease", task.lease),
    )


def _check(entity: CommandEntity, name: str, value: Any, wanted: type) -> None:
    if not isinstance(value, wanted):
        raise Refused(
            f"{entity.kind} returned a task whose {name} is {type(value).__name__},"
            f" not {wanted.__name__}"
        )
    try:
        stored_text(value)
    except ValueError as problem:
        raise Refused(
            f"{entity.kind} returned a task whose {name} cannot be stored: {problem}"
        ) from problem


def _span(entity: CommandEntity, name: str, value: Any) -> timedelta | None:
    if value is None:
        return None
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise Refused(
            f"{entity.kind} returned a task whose {name} is {value!r}; it is a timedelta above zero"
        )
    return min(value, LONGEST)
