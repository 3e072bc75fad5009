"""Whose results a part may ask for: those of parts before it, of its own, and of its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.core.asks import Ask, Source
from orchestrator.core.catalog import CommandType
from orchestrator.core.entity import Payload
from orchestrator.core.errors import BadInputError

OWN_RESULT_VERBS = frozenset({"end", "compensate"})
PARTS_VERBS = frozenset({"end"})


@dataclass(frozen=True, slots=True)
class Offers:
    """Results that will be there: a type, the id of the command that returns it, and whether it surely does.

    What a best-effort part returns is not sure, so only an ask for `X | None` or `list[X]` is given that.
    """

    items: tuple[tuple[Any, str, bool], ...] = ()

    def __add__(self, other: Offers) -> Offers:
        return Offers(self.items + other.items)

    def last(self, wanted: Any, *, sure: bool) -> str | None:
        """Gives the latest command that returns this, or surely does."""
        found = (
            one for kind, one, is_sure in reversed(self.items) if kind == wanted and is_sure >= sure
        )
        return next(found, None)

    def all(self, wanted: Any) -> list[str]:
        """Gives all commands that return this, in the order of the plan."""
        return [one for kind, one, _ in self.items if kind == wanted]

    def seen_from_outside(
        self, command_id: str, known: CommandType | None, *, best_effort: bool
    ) -> Offers:
        """A group is transparent; of a command, only its own return value is seen."""
        if known is None:
            items = tuple((kind, one, sure and not best_effort) for kind, one, sure in self.items)
            return Offers(items)
        if known.returns is None:
            return NO_OFFERS
        return Offers(((known.returns, command_id, not best_effort),))


NO_OFFERS = Offers()


@dataclass(frozen=True, slots=True)
class Scope:
    """What was offered before a place in the plan: a chain of offers, the nearest at its head.

    `depth` tells those of one sequence from those of the sequences around it.
    """

    offers: Offers = NO_OFFERS
    before: Scope | None = None
    depth: int = 0

    @classmethod
    def of_inputs(cls, known: CommandType, payload: Payload) -> Scope:
        """Gives the surroundings of a plan made at run time: what the plan itself asked for."""
        scope = cls()
        for ask in known.asks.get("plan", ()):
            found = payload.inputs.get(ask.key)
            if ask.source is Source.RESULT and found is not None:
                ids = [found] if isinstance(found, str) else found
                scope = scope.after(
                    Offers(tuple((ask.wanted, one, not ask.optional) for one in ids))
                )
        return scope

    def after(self, offers: Offers, depth: int = 0) -> Scope:
        """Gives the scope of whatever comes after a part with these offers, in a sequence that deep."""
        return Scope(offers, before=self, depth=depth) if offers.items else self

    def find(self, ask: Ask) -> Any | None:
        """Gives the source of what is asked for: an id, or the ids of all in the nearest sequence that has any."""
        scope: Scope | None = self
        found: list[list[str]] = []
        depth = 0
        while scope is not None and not (found and scope.depth != depth):
            here = _from_offers(scope.offers, ask)
            if here is not None and not ask.many:
                return here
            if here is not None:
                found.append(here)
                depth = scope.depth
            scope = scope.before
        return [one for some in reversed(found) for one in some] or None


NO_SCOPE = Scope()


def resolve_inputs(
    known: CommandType,
    command_id: str,
    scope: Scope,
    parts: Offers,
    *,
    later: bool = False,
) -> Mapping[str, Any]:
    """Gives for each result that a verb asks for where it will be found.

    A string is a command's id; a list holds several.
    `later` says that its parts are not known yet, so what `end` asks of them is left open.
    Raises BadInputError when nothing before the command returns it.
    """
    inputs: dict[str, Any] = {}
    for ask in (one for asks in known.asks.values() for one in asks):
        if ask.source is not Source.RESULT:
            continue
        found = _find(known, command_id, ask, scope, parts)
        if found is None and later and ask.verb in PARTS_VERBS:
            continue
        if found is None and ask.many:
            found = []  # whoever asks for all of them gets none
        if found is None and not ask.optional:
            raise BadInputError(
                f"{known.kind}: {ask.verb} asks for {ask.name!r}"
                f" ({getattr(ask.wanted, '__name__', ask.wanted)}), and no part before it in the plan returns that"
            )
        inputs[ask.key] = found
    return inputs


def still_open(
    known: CommandType, stored: Mapping[str, Any], parts: Offers
) -> dict[str, tuple[Ask, ...]]:
    """Gives the asks whose source is not known yet, or is nearer now that the parts are known."""
    return {
        verb: tuple(
            ask
            for ask in asks
            if ask.key not in stored or (verb in PARTS_VERBS and _from_offers(parts, ask))
        )
        for verb, asks in known.asks.items()
    }


def _find(known: CommandType, command_id: str, ask: Ask, scope: Scope, parts: Offers) -> Any | None:
    if ask.verb in OWN_RESULT_VERBS and not ask.many and known.returns == ask.wanted:
        return command_id
    if ask.verb in PARTS_VERBS and (found := _from_offers(parts, ask)) is not None:
        return found
    return scope.find(ask)


def _from_offers(offers: Offers, ask: Ask) -> Any | None:
    if not ask.many:
        return offers.last(ask.wanted, sure=not ask.optional)
    found = offers.all(ask.wanted)
    if not found:
        return None
    return found
