"""What a verb answered, whatever that is, as something that can be stored: values, tasks, waits, errors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from orchestrator.core.asynctask import AsyncTask, WhenSilent
from orchestrator.core.catalog import CommandType
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import LONGEST, OrchestratorError, Refused, TryAgain
from orchestrator.engine.faults import Death
from orchestrator.engine.storable import stored_size

ANYTHING: TypeAdapter[Any] = TypeAdapter(
    Any, config={"ser_json_inf_nan": "constants"}
)  # else NaN is silently null
ERROR_LIMIT = 2_000
SHORTEST = timedelta(milliseconds=100)  # to wait less is to ask without end
ASKED_AGAIN_IN = timedelta(
    seconds=5
)  # where `TryAgain` does not say when in a way that can be read


def describe(problem: BaseException) -> str:
    """Gives an error as one line for operators. Never raises: an error may be as broken as its verb."""
    name = type(problem).__name__
    try:
        text = str(problem)
    except Death:
        raise
    except BaseException as odd:
        text = f"(its text cannot be read: {type(odd).__name__})"
    plain = isinstance(problem, Refused | TryAgain | OrchestratorError)
    return ((text or name) if plain else f"{name}: {text or name}")[:ERROR_LIMIT]


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


def value_of(entity: CommandEntity, known: CommandType, value: Any) -> Any:
    """Gives what a verb returned as JSON. Raises Refused that says why it cannot be stored."""
    if value is None:
        return None
    try:
        value = (known.codec or ANYTHING).dump_python(value, mode="json")
        stored_size(value)
    except Death:
        raise
    except BaseException as problem:  # a value may be of any class, with any methods
        raise Refused(
            f"{entity.kind} returned from {entity.phase} what cannot be stored: {describe(problem)}"
        ) from problem
    return value


def task_of(entity: CommandEntity, task: AsyncTask[Any], *, timeout: timedelta) -> AsyncTask[Any]:
    """Gives the task with waits that can be waited for, and a timeout. Raises Refused that names what is wrong."""
    for name in ("system", "scope", "verb", "description"):
        _check(entity, name, getattr(task, name), str)
    _check(entity, "request", task.request, Mapping)
    try:
        when_silent = WhenSilent(task.when_silent)
    except ValueError:
        raise Refused(
            f"{entity.kind} returned a task whose when_silent is {task.when_silent!r};"
            f" it is one of {', '.join(WhenSilent)}"
        ) from None
    return replace(
        task,
        request=dict(task.request),
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
        stored_size(dict(value) if isinstance(value, Mapping) else value)
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
