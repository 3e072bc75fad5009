"""Random plans whose every part says what it will do: the script that a test plays and an oracle reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

GOOD = ("succeed", "flaky", "postpone", "crash", "task", "vendor")
BAD = ("refuse", "raise", "unstorable", "hang", "task_fails", "task_refused", "task_frozen",
       "vendor_fails", "vendor_silent")  # fmt: skip
UNKNOWN = ("task_lost", "vendor_quiet", "task_busy", "task_mute")
STUCK = ("stuck",)
"""Hangs until long after all is over. Only where threads cost nothing."""
POISON = ("poison",)
"""Kills its worker every time. Only where the number of deaths that is borne is known and small."""

VENDORS = ("vendor", "vendor_fails", "vendor_silent", "vendor_quiet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One part of a plan and its script.

    `mode` is `sequence` or `parallel` for a part with parts, None for a leaf. A part with parts is a plain
    group unless `is_command` is set. `does` is what a leaf's `execute` does; `end`, `undo` and `check` what its
    `end`, `compensate` and `validate` do, None where its class has no such verb. `times` is how often it
    fails, postpones or crashes first; `seconds` how long its work outside takes.
    """

    name: str
    mode: str | None = None
    parts: tuple[Node, ...] = ()
    is_command: bool = True
    is_dynamic: bool = False
    best_effort: bool = False
    does: str = "succeed"
    times: int = 0
    seconds: float = 0.0
    end: str | None = None
    undo: str | None = None
    check: str | None = None
    locks: tuple[str, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Gives the node and all below it, each before its parts."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def to_json(self) -> dict[str, Any]:
        """Gives the node as JSON, for a command's parameters."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # with lists, as it comes back
        return found


def from_json(data: Mapping[str, Any]) -> Node:
    """Reads what `to_json` gave."""
    known = dict(data)
    known["parts"] = tuple(from_json(one) for one in known["parts"])
    known["locks"] = tuple(known["locks"])
    return Node(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """How large random plans get, and what their parts may do."""

    parts: int = 9
    depth: int = 3
    trouble: float = 0.25  # how often a leaf does something that is not good
    good: tuple[str, ...] = GOOD
    bad: tuple[str, ...] = (*BAD, *UNKNOWN)
    ends: tuple[str, ...] = ("succeed", "succeed", "flaky", "crash", "raise")
    undos: tuple[str, ...] = ("succeed", "succeed", "flaky", "crash", "task", "raise", "task_fails")
    locks: tuple[str, ...] = ("a", "b", "c")
    seconds: float = 8.0


@dataclass(slots=True)
class Maker:
    """Makes one random plan."""

    rng: random.Random
    menu: Menu
    names: int = 0
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.rng.randint(1, self.menu.parts)

    def root(self) -> Node:
        """Gives a whole plan; now and then it is a single leaf."""
        if self.rng.random() < 0.1:
            return self._leaf(self._locks(0.5), is_root=True)
        return self._composite(self.menu.depth, self._locks(0.4), is_root=True)

    def _part(self, depth: int) -> Node:
        self.left -= 1
        if depth <= 0 or self.left <= 1 or self.rng.random() < 0.6:
            return self._leaf(self._locks(0.06))
        return self._composite(depth, self._locks(0.06))

    def _composite(self, depth: int, locks: tuple[str, ...], *, is_root: bool = False) -> Node:
        rng = self.rng
        is_command = is_root or rng.random() < 0.5
        name = self._name()
        count = rng.choice((1, 2, 2, 3, 3, 4))
        parts = tuple(self._part(depth - 1) for _ in range(count))
        return Node(
            name=name,
            mode=rng.choice(("sequence", "sequence", "parallel")),
            parts=parts,
            is_command=is_command,
            is_dynamic=is_command and rng.random() < 0.2,
            best_effort=not is_root and rng.random() < 0.15,
            end=self._verb(self.menu.ends, 0.3) if is_command else None,
            undo=self._verb(self.menu.undos, 0.25) if is_command else None,
            check=self._check(0.12) if is_command else None,
            locks=locks if is_command else (),
            times=1,
        )

    def _leaf(self, locks: tuple[str, ...], *, is_root: bool = False) -> Node:
        rng = self.rng
        does = rng.choice(self.menu.bad if rng.random() < self.menu.trouble else self.menu.good)
        plain = does in VENDORS
        return Node(
            name=self._name(),
            does=does,
            times=rng.randint(1, 2) if does != "crash" else 1,
            seconds=round(rng.uniform(0, self.menu.seconds), 2),
            best_effort=not is_root and rng.random() < 0.15,
            end=None if plain else self._verb(self.menu.ends, 0.3),
            undo=None if plain else self._verb(self.menu.undos, 0.5),
            check=None if plain or does in ("hang", "stuck") else self._check(0.1),
            locks=() if plain else locks,
        )

    def _verb(self, scripts: tuple[str, ...], chance: float) -> str | None:
        return self.rng.choice(scripts) if self.rng.random() < chance else None

    def _check(self, chance: float) -> str | None:
        if self.rng.random() >= chance:
            return None
        return self.rng.choice(("succeed", "succeed", "flaky", "refuse", "raise", "lazy"))

    def _locks(self, chance: float) -> tuple[str, ...]:
        if not self.menu.locks or self.rng.random() >= chance:
            return ()
        return tuple(sorted(self.rng.sample(self.menu.locks, self.rng.randint(1, 2))))

    def _name(self) -> str:
        self.names += 1
        return f"n{self.names}"


def random_plan(rng: random.Random, menu: Menu | None = None) -> Node:
    """Gives a random plan of at most `menu.parts` parts or so."""
    return Maker(rng, menu or Menu()).root()


def draw(node: Node, depth: int = 0) -> str:
    """Gives the plan as indented lines, for a person who looks into a failed run."""
    script = [node.does] if node.mode is None else [node.mode]
    if node.mode is not None and not node.is_command:
        script.append("group")
    for name in ("end", "undo", "check"):
        if (value := getattr(node, name)) is not None:
            script.append(f"{name}={value}")
    flags = [one for one in ("is_dynamic", "best_effort") if getattr(node, one)]
    locks = [f"locks={'+'.join(node.locks)}"] if node.locks else []
    line = "  " * depth + f"{node.name}: {' '.join((*script, *flags, *locks))}"
    return "\n".join((line, *(draw(part, depth + 1) for part in node.parts)))
