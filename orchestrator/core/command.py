"""A command: a class says what kind of thing is asked for, a value of it says which."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeAlias

from pydantic import ConfigDict

from orchestrator.core.asynctask import WhenSilent
from orchestrator.core.declared import expect, is_number, is_wait, is_whole
from orchestrator.core.errors import LONGEST, BadCommandError
from orchestrator.core.model import Model

Old: TypeAlias = dict[str, Any]
"""Parameters as an earlier version of the command stored them."""

Upgrade: TypeAlias = Callable[[Old], Old]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a verb that raised is called again, and how long to wait in between.

    The n-th wait is `first` × `factor`^(n-1), at most `most`, times a random factor of 1 ± `jitter`.
    `attempts` counts all calls, the first included. Raises BadCommandError for what cannot be waited for.
    """

    attempts: int = 3
    first: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    most: timedelta = timedelta(minutes=5)
    jitter: float = 0.2

    def __post_init__(self) -> None:
        expect("attempts", self.attempts, "a whole number from 1 on", is_whole(self.attempts, 1))
        expect("first", self.first, f"a timedelta of 0 to {LONGEST.days} days", is_wait(self.first))
        expect("most", self.most, f"a timedelta of 0 to {LONGEST.days} days", is_wait(self.most))
        expect("factor", self.factor, "a number from 0 on", is_number(self.factor, math.inf))
        expect("jitter", self.jitter, "a number from 0 to 1", is_number(self.jitter, 1))

    def delay(self, failures: int, random: float) -> timedelta:
        """Gives the wait after that many failures; `random` is between 0 and 1."""
        wait, most = self.first.total_seconds(), self.most.total_seconds()
        for _ in range(min(failures - 1, 64)):  # a power would overflow before it is cut
            wait *= self.factor
            if wait >= most:
                break
        return timedelta(seconds=min(wait, most) * (1 + self.jitter * (2 * random - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a command class says of itself in its class line."""

    kind: str
    version: int = 1
    label: str | None = None
    timeout: timedelta | None = None
    retry: Retry = Retry(attempts=1)
    weight: int = 1
    when_unknown: WhenSilent = WhenSilent.ATTENTION

    def __post_init__(self) -> None:
        """Raises BadCommandError that names the kind and what is wrong with it."""
        who, longest = f"{self.kind}: ", f"at most {LONGEST.days} days"
        is_span = self.timeout is None or (is_wait(self.timeout) and self.timeout > timedelta(0))
        expect("timeout", self.timeout, f"a timedelta above zero, {longest}", is_span, who)
        expect("retry", self.retry, "a Retry", isinstance(self.retry, Retry), who)
        expect("version", self.version, "a whole number from 1 on", is_whole(self.version, 1), who)
        expect("weight", self.weight, "a whole number from 0 on", is_whole(self.weight, 0), who)
        is_choice = isinstance(self.when_unknown, WhenSilent)
        expect("when_unknown", self.when_unknown, "a WhenSilent", is_choice, who)
        is_text = self.label is None or isinstance(self.label, str)
        expect("label", self.label, "a text", is_text, who)


class Command(Model):
    """A thing that the system is asked to do. Its fields are its parameters, kept as versioned JSON.

    Define `plan` or `execute`; if you like `validate`, `locks`, `end`, `compensate`. A verb gets what it
    asks for by type. Verbs may be called twice after a crash, so they must be idempotent.

    `kind` is the stable name that is stored; `label` what operators read, with fields in braces;
    `timeout` bounds each verb and each async task; `retry` says what happens when `execute` raises;
    `when_unknown` what becomes of it when nobody can say whether `execute` was done: its workers died in it, or
    the start outside was never answered. `WhenSilent.FAIL` takes it as not done.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        hide_input_in_errors=True,  # it may hold a secret, and errors travel
    )

    declared: ClassVar[Declaration]
    upgrades: ClassVar[Mapping[int, Upgrade]]

    def __init_subclass__(
        cls,
        *,
        kind: str | None = None,
        version: int = 1,
        label: str | None = None,
        timeout: timedelta | None = None,
        retry: Retry | None = None,
        weight: int = 1,
        when_unknown: WhenSilent = WhenSilent.ATTENTION,
        **settings: Any,
    ) -> None:
        super().__init_subclass__(**settings)
        if kind is None:
            return  # a shared ancestor of commands, not a command
        cls.declared = Declaration(
            kind=kind,
            version=version,
            label=label,
            timeout=timeout,
            retry=Retry(attempts=1) if retry is None else retry,
            weight=weight,
            when_unknown=when_unknown,
        )
        cls.upgrades = {}

    @classmethod
    def upgrade(cls, *, since: int) -> Callable[[Upgrade], Upgrade]:
        """Registers how parameters of version `since` become those of version `since + 1`."""

        def register(function: Upgrade) -> Upgrade:
            if since in cls.upgrades:
                raise BadCommandError(
                    f"{cls.declared.kind} has two upgrades since version {since}; keep one"
                )
            cls.upgrades = {**cls.upgrades, since: function}
            return function

        return register

    def describe(self) -> str:
        """Gives the line that operators read: the label with its fields filled in, or the first of the docstring."""
        if self.declared.label is not None:
            return self.declared.label.format(**dict(self))
        first_line = inspect.cleandoc(type(self).__dict__.get("__doc__") or "").partition("\n")[0]
        return first_line.rstrip(".") or self.declared.kind
