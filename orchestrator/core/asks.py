"""What the verbs of a command class ask for, read off their signatures."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Union

from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.command import Command
from orchestrator.core.errors import BadCommandError
from orchestrator.core.run import Run
from orchestrator.core.status import Outcome

VERBS = ("validate", "locks", "plan", "execute", "end", "compensate")
PURE_VERBS = frozenset(
    {"locks"}
)  # called when the command is stored, where nothing can be supplied

NOT_RUN: dict[Callable[[Any], bool], str] = {
    inspect.iscoroutinefunction: "an async function",
    inspect.isasyncgenfunction: "an async generator",
    inspect.isgeneratorfunction: "a generator",
}


class Source(Enum):
    """Who supplies what a verb asks for."""

    OUTCOME = auto()
    RUN = auto()
    ADAPTER = auto()
    RESULT = auto()


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a verb asks for: a parameter of the method."""

    verb: str
    name: str
    wanted: Any
    source: Source
    many: bool = False
    optional: bool = False

    @property
    def key(self) -> str:
        """Names the ask within its command, as stored beside the command."""
        return f"{self.verb}.{self.name}"


def find_verbs(command: type[Command]) -> dict[str, Any]:
    """Gives the verbs that the class defines, by name."""
    return {
        name: getattr(command, name)
        for name in VERBS
        if inspect.isfunction(getattr(command, name, None))
    }


def check_runs(command: type[Command]) -> None:
    """Raises BadCommandError, naming class and function, for one whose call would do nothing.

    That is so of an async function and of a generator: both wait for somebody to run them, and nobody does.
    """
    functions = {name: getattr(command, name, None) for name in (*VERBS, "describe")}
    upgrades = {f"the upgrade since version {one}": do for one, do in command.upgrades.items()}
    for name, function in (functions | upgrades).items():
        for is_kind, words in NOT_RUN.items():
            if is_kind(function):
                raise BadCommandError(
                    f"{command.declared.kind}: {name} of {command.__name__} is {words}, which nobody"
                    " would run; make it a plain function"
                )


def returned_type(command: type[Command], verbs: dict[str, Any]) -> Any | None:
    """Gives the type of the return value: of `end`, else of `execute` or of the async task it returns."""
    for name in ("end", "execute"):
        if name not in verbs:
            continue
        hint = _hints(command, name, verbs[name]).get("return")
        if name == "end" and AsyncTask in (hint, typing.get_origin(hint)):
            raise BadCommandError(
                f"{command.declared.kind}: end returns an AsyncTask; work outside belongs into execute,"
                " or into a part of its own"
            )
        if typing.get_origin(hint) is AsyncTask:
            (hint,) = typing.get_args(hint)
        if hint not in (None, type(None), Any, AsyncTask):
            return hint
    return None


def find_asks(
    command: type[Command], verbs: dict[str, Any], *, adapters: tuple[type, ...], results: list[Any]
) -> dict[str, tuple[Ask, ...]]:
    """Gives for each verb what it asks for.

    Raises BadCommandError, naming command, verb and type, when nobody could supply it.
    """
    return {
        name: tuple(
            _ask(command, name, parameter, hint, adapters, results)
            for parameter, hint in _parameters(command, name, function)
        )
        for name, function in verbs.items()
    }


def _parameters(command: type[Command], verb: str, function: Any) -> list[tuple[str, Any]]:
    hints = _hints(command, verb, function)
    names = list(inspect.signature(function).parameters)[1:]
    missing = [name for name in names if name not in hints]
    if missing:
        raise BadCommandError(
            f"{command.declared.kind}: {verb} has a parameter {missing[0]!r} without a type;"
            " what a verb asks for is found by its type"
        )
    if names and verb in PURE_VERBS:
        raise BadCommandError(
            f"{command.declared.kind}: {verb} asks for {names[0]!r}; it is called when the command"
            " is stored, so it can only look at the command's own fields"
        )
    return [(name, hints[name]) for name in names]


def _hints(command: type[Command], verb: str, function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as problem:
        raise BadCommandError(
            f"{command.declared.kind}: the types of {verb} cannot be read: {problem};"
            " import them at the top of the module, not under TYPE_CHECKING"
        ) from problem


def _ask(
    command: type[Command],
    verb: str,
    name: str,
    hint: Any,
    adapters: tuple[type, ...],
    results: list[Any],
) -> Ask:
    wanted, optional = _without_none(hint)
    if wanted is Outcome:
        return Ask(verb, name, wanted, Source.OUTCOME)
    if wanted is Run:
        return Ask(verb, name, wanted, Source.RUN)
    if isinstance(wanted, type) and any(issubclass(one, wanted) for one in adapters):
        return Ask(verb, name, wanted, Source.ADAPTER)
    if wanted in results:
        return Ask(verb, name, wanted, Source.RESULT, optional=optional)
    if typing.get_origin(wanted) in (list, tuple) and typing.get_args(wanted)[0] in results:
        return Ask(verb, name, typing.get_args(wanted)[0], Source.RESULT, many=True)
    raise BadCommandError(
        f"{command.declared.kind}: {verb} asks for {name!r} of type {_name(wanted)};"
        " no adapter and no command of the catalog gives that"
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        others = [one for one in typing.get_args(hint) if one is not type(None)]
        if len(others) == 1:
            return others[0], True
    return hint, False


def _name(wanted: Any) -> str:
    return getattr(wanted, "__name__", str(wanted))
