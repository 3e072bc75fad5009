"""Whether the promises were kept: what is lost, doubled, illegal, or missing from the feed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.app import Orchestrator
from orchestrator.core.entity import CommandEntity, TaskEntity, Transition
from orchestrator.core.locks import LockRow
from orchestrator.core.ports import Store
from orchestrator.core.query import Page
from tests.chaos.actors import Reader, Tree
from tests.chaos.installation import MAX_DEATHS, Installation
from tests.model.checker import check, read_log
from tests.model.oracle import Action
from tests.model.oracle import judge as judge_tree
from tests.model.outside import Outside
from tests.model.world import Effect

KINDS = {  # a word of a finding, and what it is counted as
    "for ever": "lost",
    "not in the table": "illegal",
    "begins at": "illegal",
    "revision": "illegal",
    "its log ends": "illegal",
    "twice": "doubled",
    "times under attempt": "doubled",
    "never called": "doubled",
    "the feed": "feed",
}


@dataclass(slots=True)
class Verdict:
    """The findings, by promise; empty lists are what we want."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    feed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def take(self, findings: Iterable[str], where: str = "") -> None:
        """Sorts findings into their lists."""
        for one in findings:
            kind = next((name for word, name in KINDS.items() if word in one), "others")
            getattr(self, kind).append(f"{where}: {one}" if where else one)

    def findings(self) -> list[str]:
        """Gives all of them."""
        return [*self.lost, *self.doubled, *self.illegal, *self.feed, *self.others]


@dataclass(slots=True)
class Books:
    """All of the log and the ledger, sorted by tree: looking through it tree by tree is what can be paid."""

    store: Store
    log: Mapping[str, list[Transition]]
    effects: Mapping[str, list[Effect]]
    locks: Mapping[str, list[LockRow]]

    @classmethod
    def of(cls, store: Store, log: Iterable[Transition], ledger: Iterable[Effect]) -> Books:
        """Sorts them."""
        by_root: dict[str, list[Transition]] = defaultdict(list)
        effects: dict[str, list[Effect]] = defaultdict(list)
        locks: dict[str, list[LockRow]] = defaultdict(list)
        for one in log:
            by_root[one.root_id].append(one)
        for effect in ledger:
            effects[_tree(effect.command_id)].append(effect)
        for lock in store.locks():
            locks[lock.root_id].append(lock)
        return cls(store, by_root, effects, locks)


@dataclass(slots=True)
class OneTree:
    """The part of a store that the checker reads, narrowed to one tree."""

    books: Books
    root_id: str

    def tree(self, command_id: str) -> list[CommandEntity]:
        return self.books.store.tree(command_id)

    def tasks(self, command_ids: Collection[str]) -> list[TaskEntity]:
        return self.books.store.tasks(command_ids)

    def locks(self) -> list[LockRow]:
        return self.books.locks.get(self.root_id, [])

    def get_modified_commands(self, after: int, limit: int) -> Page[Transition]:
        rest = [one for one in self.books.log.get(self.root_id, []) if one.seq > after]
        return Page(tuple(rest), str(rest[-1].seq if rest else after))


def judge(
    front: Orchestrator,
    here: Installation,
    trees: list[Tree],
    orders: Mapping[str, list[Action]],
    readers: Sequence[Reader],
) -> Verdict:
    """Looks through the finished store."""
    verdict = Verdict()
    log = read_log(front.store)
    books = Books.of(front.store, log, here.world.ledger())
    for tree in trees:
        if tree.root_id is None:
            verdict.lost.append(f"{tree.key} was never accepted")
            continue
        part: Store = OneTree(books, tree.root_id)  # type: ignore[assignment]
        effects = books.effects.get(_tree(tree.root_id), [])
        verdict.take(check(part, roots=[tree.root_id], effects=effects), tree.key)
        wrong = judge_tree(
            tree.node,
            front.store.tree(tree.root_id),
            orders.get(tree.root_id, ()),
            deaths=MAX_DEATHS,
        )
        verdict.take(wrong, f"{tree.key} {tree.root_id}")
    for reader in readers:
        verdict.take(check(front.store, roots=(), feed=reader.seen), f"reader of {reader.limit}")
    verdict.take(f"outside task {one} still runs" for one in _running(here))
    return verdict


def _tree(command_id: str) -> str:
    """Gives what a command's id shares with those of its tree: the first 12 digits."""
    return command_id[:13]


def _running(here: Installation) -> list[str]:
    outside = Outside(
        {key: record for key in here.outside.all_keys() if (record := here.outside.get(key))}
    )
    outside.time = time.monotonic
    return outside.running()
