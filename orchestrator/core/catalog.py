"""The catalog: every kind of command that this process knows, checked when it is built."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.core.asks import Ask, check_runs, find_asks, find_verbs, returned_type
from orchestrator.core.asynctask import WhenSilent
from orchestrator.core.command import Command
from orchestrator.core.errors import BadCommandError, BadInputError, UnreadableError, as_clause
from orchestrator.core.secret import Secret, has_secrets, masked_text
from orchestrator.core.status import Verbs


@dataclass(frozen=True, slots=True)
class CommandType:
    """A kind of command: its class and what was learnt from it."""

    kind: str
    version: int
    command: type[Command]
    asks: Mapping[str, tuple[Ask, ...]]
    returns: Any | None
    codec: TypeAdapter[Any] | None
    verbs: Verbs
    has_secrets: bool = False
    returns_secrets: bool = False

    def defines(self, verb: str) -> bool:
        """Whether the class has this verb."""
        return verb in self.asks

    @property
    def plans_at_run_time(self) -> bool:
        """Whether its plan asks for something, so that it can only be made when its turn has come."""
        return bool(self.asks.get("plan"))

    def load(self, parameters: Mapping[str, Any]) -> Command:
        """Makes a command of stored parameters, by their names or aliases. Raises ValidationError."""
        return self.command.model_validate(parameters, by_alias=True, by_name=True)


class Catalog:
    """All command kinds, by name.

    `supplies` are the objects that verbs may ask for by type: adapters, and what user modules provide.
    Raises BadCommandError, in one sentence, for whatever is wrong with a class.
    """

    def __init__(self, commands: Iterable[type[Command]], supplies: Iterable[object] = ()) -> None:
        self.supplies = tuple(supplies)
        classes = _by_kind(commands)
        for command in classes.values():
            check_runs(command)
        verbs = {kind: find_verbs(command) for kind, command in classes.items()}
        returned = {kind: returned_type(classes[kind], verbs[kind]) for kind in classes}
        adapters = tuple(type(one) for one in self.supplies)
        results = [one for one in returned.values() if one is not None]
        self._types = {
            kind: _command_type(
                command,
                find_asks(command, verbs[kind], adapters=adapters, results=results),
                returned[kind],
            )
            for kind, command in classes.items()
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds, sorted."""
        return tuple(sorted(self._types))

    def __contains__(self, kind: object) -> bool:
        return kind in self._types

    def of(self, kind: str) -> CommandType:
        """Gives the type of that kind. Raises BadInputError for an unknown one."""
        known = self._types.get(kind)
        if known is not None:
            return known
        near = difflib.get_close_matches(kind, self._types, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(self.kinds)}"
        raise BadInputError(f"no command of kind {kind!r} is known here; {hint}")

    def type_of(self, command: Command) -> CommandType:
        """Gives the type of a command value. Raises BadInputError when its class is not in the catalog."""
        declared = getattr(type(command), "declared", None)
        if declared is None:
            raise BadInputError(
                f"{type(command).__name__} has no kind; write kind=... in its class line"
            )
        return self.of(declared.kind)

    def supply(self, wanted: type) -> object:
        """Gives the object of that type. The catalog was checked, so there is one."""
        return next(one for one in self.supplies if isinstance(one, wanted))

    def make(self, kind: str, parameters: Mapping[str, Any]) -> Command:
        """Makes a command of what a caller sent.

        Raises BadInputError that names each wrong parameter.
        """
        known = self.of(kind)
        # While this is alive, and an error keeps it so, nothing that was sent beside a secret is told in errors.
        sent = Secret(dict(parameters)) if known.has_secrets else None
        try:
            return known.command.model_validate(
                dict(parameters) if sent is None else sent.get_secret_value()
            )
        except ValidationError as problem:
            raise BadInputError(f"{kind}: {describe_problems(problem)}") from problem

    def read(self, kind: str, version: int, parameters: Mapping[str, Any]) -> Command:
        """Makes a command of a stored row, however old.

        Raises UnreadableError when this code does not know the kind or version, or cannot read the row.
        """
        known = self._types.get(kind)
        if known is None:
            raise UnreadableError(f"waits for a worker that knows the kind {kind!r}")
        if version > known.version:
            raise UnreadableError(
                f"waits for a worker that knows {kind} version {version}; this one knows {known.version}"
            )
        current: Any = parameters
        for since in range(version, known.version):
            upgrade = known.command.upgrades.get(since)
            if upgrade is None:
                raise UnreadableError(f"{kind} has no upgrade since version {since}; write one")
            try:
                current = upgrade(dict(current))
            except Exception as problem:
                raise UnreadableError(
                    f"the stored parameters of {kind} cannot be read: its upgrade since version"
                    f" {since} raised {type(problem).__name__}: {problem}"
                ) from problem
        try:
            return known.load(current)
        except ValidationError as problem:
            raise UnreadableError(
                f"the stored parameters of {kind} cannot be read: {describe_problems(problem)}"
            ) from problem


def describe_problems(problem: ValidationError) -> str:
    """Gives a validation error as one line: which field, what is wrong with it."""
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc']) or 'parameters'}: {problem_text(error['msg'])}"
        for error in problem.errors(include_url=False, include_input=False)
    )


def problem_text(message: str) -> str:
    """Gives what pydantic says of a field as the end of a sentence, without secrets."""
    return as_clause(masked_text(message.removeprefix("Value error, ")))


def _by_kind(commands: Iterable[type[Command]]) -> dict[str, type[Command]]:
    found: dict[str, type[Command]] = {}
    for command in commands:
        kind = command.declared.kind
        if found.setdefault(kind, command) is not command:
            raise BadCommandError(
                f"two commands are of kind {kind!r}: {found[kind].__qualname__} and"
                f" {command.__qualname__}; rename one"
            )
    return found


def _command_type(
    command: type[Command], asks: dict[str, tuple[Ask, ...]], returned: Any | None
) -> CommandType:
    declared = command.declared
    if ("plan" in asks) == ("execute" in asks):
        which = "both plan and execute" if "plan" in asks else "neither plan nor execute"
        raise BadCommandError(f"{declared.kind} defines {which}; a command has exactly one of them")
    for since in command.upgrades:
        if not 1 <= since < declared.version:
            raise BadCommandError(
                f"{declared.kind} is of version {declared.version} and has an upgrade since {since}"
            )
    codec = None if returned is None else TypeAdapter(returned)
    return CommandType(
        kind=declared.kind,
        version=declared.version,
        command=command,
        asks=asks,
        returns=returned,
        codec=codec,
        verbs=_flags(asks, declared.when_unknown),
        has_secrets=_has_secrets(command),
        returns_secrets=codec is not None and has_secrets(codec.core_schema),
    )


def _has_secrets(command: type[Command]) -> bool:
    command.model_rebuild(raise_errors=False)  # a class that was named before it was defined
    return has_secrets(command.__pydantic_core_schema__)


def _flags(asks: Mapping[str, tuple[Ask, ...]], when_unknown: WhenSilent) -> Verbs:
    flags = Verbs.UNKNOWN_FAILS if when_unknown is WhenSilent.FAIL else Verbs.NONE
    for verb, flag in (
        ("validate", Verbs.VALIDATE),
        ("execute", Verbs.EXECUTE),
        ("end", Verbs.END),
        ("compensate", Verbs.COMPENSATE),
    ):
        if verb in asks:
            flags |= flag
    return flags | Verbs.PLAN if asks.get("plan") else flags
