"""A plan: the tree of parts of a composite command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, cast

from orchestrator.core.command import Command
from orchestrator.core.status import Mode


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that run one after the other, or side by side."""

    mode: Mode
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class BestEffort:
    """A part whose failure leaves its parent's outcome alone."""

    part: Command | Group


Part: TypeAlias = Command | Group | BestEffort
Plan: TypeAlias = Command | Group | BestEffort


def sequence(*parts: Part | Iterable[Part]) -> Group:
    """Runs the parts one after the other; a failed part skips the rest and undoes the earlier ones."""
    return Group(Mode.SEQUENCE, _flat(parts))


def parallel(*parts: Part | Iterable[Part]) -> Group:
    """Runs the parts side by side and waits for all of them."""
    return Group(Mode.PARALLEL, _flat(parts))


def best_effort(part: Part) -> BestEffort:
    """Marks a part, or a whole sub-plan, as one whose failure does not matter to its parent."""
    return part if isinstance(part, BestEffort) else BestEffort(part)


def _flat(parts: tuple[Part | Iterable[Part], ...]) -> tuple[Part, ...]:
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Command | Group | BestEffort):
            found.append(part)
        elif isinstance(part, Iterable) and not isinstance(part, str | bytes | type):
            found.extend(part)
        else:
            found.append(
                cast(Part, part)
            )  # no part at all: who reads the plan says so, and in which command
    return tuple(found)
