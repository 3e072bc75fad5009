"""The catalog: what is wrong with a class is found when the program starts, in one sentence."""

from __future__ import annotations

import re
from datetime import timedelta
from types import new_class
from typing import Any

import pytest

from orchestrator import AsyncTask, Command, Old, Outcome, Plan, Retry, Run, sequence
from orchestrator.core.asks import Source
from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import BadCommandError, BadInputError, UnreadableError
from orchestrator.core.status import Verbs


class Bus:
    """Something that verbs may ask for."""


class Report:
    """Something that a command returns."""


class Good(Command, kind="good"):
    def validate(self, bus: Bus) -> None: ...
    def execute(self, bus: Bus, run: Run, others: list[str]) -> str:
        return ""

    def end(self, outcome: Outcome, mine: str | None) -> None: ...
    def compensate(self) -> None: ...


class NoVerb(Command, kind="no_verb"): ...


class BothVerbs(Command, kind="both"):
    def execute(self) -> None: ...
    def plan(self) -> Plan:
        return sequence()


class Untyped(Command, kind="untyped"):
    def execute(self, bus) -> None: ...  # type: ignore[no-untyped-def]


class Unknown(Command, kind="unknown"):
    def execute(self, report: Report) -> None: ...


class Asking(Command, kind="asking"):
    def locks(self, bus: Bus) -> Any: ...
    def execute(self) -> None: ...


class Twin(Command, kind="good"):
    def execute(self) -> None: ...


class Invisible(Command, kind="invisible"):
    def execute(self, bus: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821


class Ahead(Command, kind="ahead", version=2):
    def execute(self) -> None: ...


@Ahead.upgrade(since=2)
def of_itself(old: Old) -> Old:
    return old


@pytest.mark.parametrize(
    ("commands", "says"),
    [
        ([NoVerb], "no_verb defines neither plan nor execute; a command has exactly one of them"),
        ([BothVerbs], "both defines both plan and execute; a command has exactly one of them"),
        ([Untyped], "untyped: execute has a parameter 'bus' without a type; what a verb asks for"),
        ([Unknown], "unknown: execute asks for 'report' of type Report; no adapter and no command"),
        ([Asking], "asking: locks asks for 'bus'; it is called when the command is stored, so"),
        ([Good, Twin], "two commands are of kind 'good': Good and Twin; rename one"),
        ([Invisible], "invisible: the types of execute cannot be read: name 'Nowhere' is not"),
        ([Ahead], "ahead is of version 2 and has an upgrade since 2"),
    ],
)
def test_a_wrong_class_is_named_in_one_sentence(commands: list[type[Command]], says: str) -> None:
    with pytest.raises(BadCommandError, match=re.escape(says)) as problem:
        Catalog(commands, [Bus()])

    assert "\n" not in str(problem.value)


def test_two_upgrades_since_one_version_are_refused() -> None:
    class Twice(Command, kind="twice", version=2):
        def execute(self) -> None: ...

    Twice.upgrade(since=1)(lambda old: old)

    with pytest.raises(BadCommandError, match="twice has two upgrades since version 1; keep one"):
        Twice.upgrade(since=1)(lambda old: old)


def test_verbs_are_known_by_what_they_ask_for() -> None:
    known = Catalog([Good], [Bus()]).of("good")

    assert [(one.name, one.source) for one in known.asks["execute"]] == [
        ("bus", Source.ADAPTER),
        ("run", Source.RUN),
        ("others", Source.RESULT),
    ]
    assert known.asks["execute"][2].many
    assert known.asks["end"][1].optional
    assert known.verbs == Verbs.VALIDATE | Verbs.EXECUTE | Verbs.END | Verbs.COMPENSATE
    assert known.returns is str


def test_a_supply_is_found_by_its_type_or_a_parent_of_it() -> None:
    class Express(Bus): ...

    given = Express()

    assert Catalog([Good], [given]).supply(Bus) is given


def test_the_returned_type_is_that_of_the_async_task() -> None:
    class Later(Command, kind="later"):
        def execute(self) -> AsyncTask[int]:
            raise NotImplementedError

    assert Catalog([Later]).of("later").returns is int


def test_a_class_without_a_kind_is_no_command() -> None:
    class Ancestor(Command):
        size: int

    class Child(Ancestor, kind="child"):
        def execute(self) -> None: ...

    catalog = Catalog([Child])

    assert catalog.make("child", {"size": 1}) == Child(size=1)
    with pytest.raises(BadInputError, match="Ancestor has no kind; write kind="):
        catalog.type_of(Ancestor(size=1))


class Moved(Command, kind="moved", version=3):
    to: str

    def execute(self) -> None: ...


@Moved.upgrade(since=1)
def a_place_got_a_name(old: Old) -> Old:
    return {"name": old["place"]}


@Moved.upgrade(since=2)
def the_name_is_where_to(old: Old) -> Old:
    return {"to": old["name"]}


def test_old_parameters_are_upgraded_step_by_step() -> None:
    catalog = Catalog([Moved])

    assert catalog.read("moved", 1, {"place": "x"}) == Moved(to="x")
    assert catalog.read("moved", 2, {"name": "x"}) == Moved(to="x")
    assert catalog.read("moved", 3, {"to": "x"}) == Moved(to="x")


@pytest.mark.parametrize(
    ("kind", "version", "parameters", "says"),
    [
        ("other", 1, {}, "waits for a worker that knows the kind 'other'"),
        ("moved", 4, {}, "waits for a worker that knows moved version 4; this one knows 3"),
        ("moved", 0, {}, "moved has no upgrade since version 0; write one"),
        ("moved", 3, {"to": 1}, "the stored parameters of moved cannot be read: to: input should"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(
    kind: str, version: int, parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(UnreadableError, match=re.escape(says)):
        Catalog([Moved]).read(kind, version, parameters)


def test_an_upgrade_that_trips_over_a_row_leaves_it_unread() -> None:
    with pytest.raises(UnreadableError, match="cannot be read"):
        Catalog([Moved]).read("moved", 1, {"no": "place"})


def test_an_end_that_returns_an_async_task_is_refused() -> None:
    class Late(Command, kind="catalog.late_end"):
        def execute(self) -> None: ...

        def end(self) -> AsyncTask[None]:
            raise NotImplementedError

    with pytest.raises(BadCommandError, match="end returns an AsyncTask"):
        Catalog([Late])


class AsyncVerbs:
    async def coroutine(self) -> None: ...

    def generator(self) -> Any:
        yield 1

    async def async_generator(self) -> Any:
        yield 1


@pytest.mark.parametrize(
    "verb", ["validate", "locks", "plan", "execute", "end", "compensate", "describe"]
)
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (AsyncVerbs.coroutine, "an async function"),
        (AsyncVerbs.generator, "a generator"),
        (AsyncVerbs.async_generator, "an async generator"),
    ],
)
def test_a_verb_that_nobody_would_run_is_refused(verb: str, function: Any, words: str) -> None:
    verbs = {verb: function} if verb == "plan" else {"execute": lambda self: None, verb: function}

    odd = new_class("Odd", (Command,), {"kind": "catalog.odd"}, lambda names: names.update(verbs))

    with pytest.raises(
        BadCommandError, match=f"catalog.odd: {verb} of Odd is {words}, which nobody"
    ):
        Catalog([odd])


def test_an_upgrade_that_nobody_would_run_is_refused() -> None:
    class Newer(Command, kind="catalog.newer", version=2):
        def execute(self) -> None: ...

    @Newer.upgrade(since=1)  # type: ignore[arg-type]
    async def later(old: Old) -> Old:
        return old

    with pytest.raises(BadCommandError, match="the upgrade since version 1 of Newer is an async"):
        Catalog([Newer])


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"timeout": 5}, "expected timeout to be a timedelta above zero, at most 3650 days, got 5"),
        ({"timeout": timedelta.max}, "expected timeout to be a timedelta above zero"),
        ({"timeout": timedelta(0)}, "expected timeout to be a timedelta above zero"),
        ({"retry": 3}, "expected retry to be a Retry, got 3"),
        ({"retry": 0}, "expected retry to be a Retry, got 0"),
        ({"version": 0}, "expected version to be a whole number from 1 on, got 0"),
        ({"weight": -1}, "expected weight to be a whole number from 0 on, got -1"),
        ({"label": 7}, "expected label to be a text, got 7"),
    ],
)
def test_a_class_line_that_cannot_be_kept_is_refused(declared: dict[str, Any], says: str) -> None:
    with pytest.raises(BadCommandError, match=f"catalog.line: {says}"):
        new_class("Line", (Command,), {"kind": "catalog.line", **declared})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"attempts": 0}, "expected attempts to be a whole number from 1 on, got 0"),
        ({"attempts": 2.5}, "expected attempts to be a whole number"),
        ({"first": 5}, "expected first to be a timedelta of 0 to 3650 days, got 5"),
        ({"first": timedelta(seconds=-1)}, "expected first to be a timedelta of 0"),
        ({"most": timedelta.max}, "expected most to be a timedelta of 0"),
        ({"factor": float("nan")}, "expected factor to be a number from 0 on, got nan"),
        ({"jitter": 2}, "expected jitter to be a number from 0 to 1, got 2"),
    ],
)
def test_a_retry_that_cannot_be_waited_for_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadCommandError, match=f"Retry: {says}"):
        Retry(**given)
