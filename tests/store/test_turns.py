"""Whatever several hands do to a store at once, each turn counts wholly or not at all, and one after the other."""

from __future__ import annotations

import os
import queue
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.locks import LockMode, LockRow, Locks, exclusive, shared
from orchestrator.core.ports import Store
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from tests.store.hands import PARTS, PATIENCE_S, Order, ProcessHand, ThreadHand, Turn
from tests.store.rows import put, root

HANDS = 3
COUNTERS = 3
PLANTS = 2
EXAMPLES = int(os.environ.get("ORCHESTRATOR_TEST_TURNS", "20"))
SOON_S = 0.05
LEASE_S = 50.0  # longer than any round
NUMBERS = count(10_000)
QUICK = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to cut down what depends on who was quicker leads nowhere
    database=None,
    suppress_health_check=list(HealthCheck),
)


DEEDS: st.SearchStrategy[Order] = st.sampled_from(
    [
        *(["raise", which] for which in ([0], [1], [0, 1, 2])),
        *(["trust", which] for which in (0, 1)),
        *(["lock", which] for which in (0, 1) * 3),
        *(["remember", which] for which in "kl"),
        *(["plant", which] for which in range(PLANTS)),
    ]
)


@dataclass(slots=True)
class Bench:
    """A store, and the hands that work at it."""

    store: Store
    hands: list[ThreadHand | ProcessHand]
    reads_while_written: bool = True


@dataclass(slots=True)
class Round:
    """The rows of one round, new for each: a store keeps what was there before."""

    store: Store
    first: int = field(default_factory=lambda: next(NUMBERS) * 1000)
    counters: list[int] = field(init=False)
    lockers: list[CommandEntity] = field(init=False)

    def __post_init__(self) -> None:
        self.counters = [self.first + one for one in range(COUNTERS)]
        a, b, c = (f"{self.first} {one}" for one in "abc")
        wanted = (_sole(a), _sole(a, b), _sole(b, c), _both(a, b), _both(b, c), _sole(c))
        self.lockers = [
            root(self.first + 100 + number, locks=locks.in_order())
            for number, locks in enumerate(wanted)
        ]
        put(self.store, *(root(one) for one in self.counters), *self.lockers)


def _sole(*names: str) -> Locks:
    return exclusive("thing", *names)


def _both(one: str, other: str) -> Locks:
    return shared("thing", one) + exclusive("thing", other)


class Turns(RuleBasedStateMachine):
    """Hands open transactions, do this and that in them, and close them, in any order."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench, self.store = bench, bench.store
        self.round = Round(self.store)
        self.began = self.store.last_event()
        self.feed: list[Transition] = []
        self.cursor = self.began
        self.open: dict[int, list[Order]] = {}
        self.asked: set[str] = set()  # lockers that hold or wait, as far as is known
        self.turns: list[Turn] = []
        self.leaders: set[str] = set()
        self.names = count(500)

    # --- what may happen -------------------------------------------------------------------------

    @rule(hand=st.sampled_from(range(HANDS)), deed=DEEDS)
    def go_on(self, hand: int, deed: Order) -> None:
        self._do(hand, deed)

    @rule(
        hand=st.sampled_from(range(HANDS)),
        deeds=st.lists(DEEDS, min_size=1, max_size=3),
        how=st.sampled_from(["commit", "commit", "abort"]),
    )
    def take_a_turn(self, hand: int, deeds: list[Order], how: str) -> None:
        for deed in deeds:
            self._do(hand, deed)
        if hand in self.open:
            self._end(hand, how)

    @rule(hand=st.sampled_from(range(HANDS)))
    def end(self, hand: int) -> None:
        if hand in self.open:
            self._end(hand, "commit")
            self._hear(hand)

    @rule()
    def read(self) -> None:
        if self.bench.reads_while_written:
            self._read()

    @rule(holder=st.sampled_from("xy"))
    def lead(self, holder: str) -> None:
        if self.bench.reads_while_written and not self.open:
            if self.store.lead(f"round {self.round.first}", holder, LEASE_S):
                self.leaders.add(holder)

    def teardown(self) -> None:
        for hand in list(self.open):
            self._end(hand, "commit")
        for hand in list(self.open):
            self._hear(hand)
        self.check()

    def _do(self, hand: int, deed: Order) -> None:
        verb, which = deed
        match verb:
            case "raise":
                self._tell(hand, ["raise", *(self.round.counters[one] for one in which)])
            case "trust":
                self._tell(hand, ["trust", self.round.counters[which]])
                self._end(hand, "commit")  # the last words of a transaction
            case "lock":
                self._lock_or_leave(hand, self.round.lockers[2 * hand + which].command_id)
            case "remember":
                self._tell(hand, ["remember", f"{self.round.first} {which}"])
            case "plant":
                self._tell(hand, ["plant", self.round.first + 200 + which])

    def _lock_or_leave(self, hand: int, mine: str) -> None:
        """Each locker is in one hand: the engine has its row locked when it asks."""
        if _is_over(self.open.get(hand, ())):
            self._hear(hand)
        if not any(mine in order for order in self.open.get(hand, ())):
            self._tell(hand, ["release" if mine in self.asked else "acquire", mine])

    def _tell(self, hand: int, order: Order) -> None:
        if _is_over(self.open.get(hand, ())):
            self._hear(hand)
        if hand not in self.open:
            self.open[hand] = []
            self.bench.hands[hand].tell(
                ["begin", root(self.round.first + next(self.names)).command_id]
            )
        self.open[hand].append(order)
        self.bench.hands[hand].tell(order)

    def _end(self, hand: int, how: str) -> None:
        if not _is_over(self.open[hand]):
            self.open[hand].append([how])
            self.bench.hands[hand].tell([how])

    def _hear(self, hand: int) -> None:
        """Waits for a turn that was told to end; those in its way may have to be told to end as well."""
        try:
            turn = self.bench.hands[hand].hear(SOON_S)
        except queue.Empty:
            for other in list(self.open):
                self._end(other, "commit")
            turn = self.bench.hands[hand].hear(PATIENCE_S)
        del self.open[hand]
        self.turns.append(turn)
        for verb, *what in turn.told if turn.done else ():
            if verb == "acquire":
                self.asked.add(what[0])
            elif verb == "release":
                self.asked.discard(what[0])

    # --- what must hold --------------------------------------------------------------------------

    def check(self) -> None:
        """Compares the store with what the hands were told had been done."""
        assert [one.broke for one in self.turns if one.broke] == []
        self._read()
        log = self._log()
        assert [one for one in self.feed if one in log] == log, "the feed is not the log"
        assert len(self.feed) == len({one.seq for one in self.feed})
        by_turn = defaultdict(list)
        for one in log:
            by_turn[one.causes[0]].append(one)
        for turn in self.turns:
            assert bool(by_turn.pop(turn.name, [])) == (turn.done and _logs(turn)), turn
        assert not by_turn, "somebody's turn counts who did not take it"
        self._check_revisions(log)
        self._check_locks(log)
        self._check_keys()
        for number in range(PLANTS):
            tree = self.store.tree(root(self.round.first + 200 + number).command_id)
            planted = [one for one in log if tree and one.command_id == tree[0].command_id]
            assert (len(tree), len(planted)) in ((0, 0), (1 + PARTS, 1))
        assert len(self.leaders) <= 1

    def _log(self) -> list[Transition]:
        found: list[Transition] = []
        ids = [root(one).command_id for one in self.round.counters]
        ids += [one.command_id for one in self.round.lockers]
        ids += [root(self.round.first + 200 + one).command_id for one in range(PLANTS)]
        for one in ids:
            found += self.store.history(one)
        return sorted(found, key=lambda one: one.seq)

    def _read(self) -> None:
        while True:
            page = self.store.get_modified_commands(self.cursor, 20)
            self.feed += page.items
            self.cursor = int(page.cursor or self.cursor)
            if not page.items:
                return

    def _check_revisions(self, log: Collection[Transition]) -> None:
        told = sorted(
            tuple(one)
            for turn in self.turns
            if turn.done
            for verb, *what in turn.told
            if verb in ("raise", "trust")
            for one in what
        )
        logged = []
        for number in self.round.counters:
            stored = self.store.get(root(number).command_id)
            assert stored is not None
            revisions = [one.revision for one in log if one.command_id == stored.command_id]
            assert revisions == [*range(1, len(revisions) + 1)]
            assert stored.revision == stored.attempt == len(revisions)
            logged += [(stored.command_id, one) for one in revisions]
        assert told == sorted(logged)

    def _check_locks(self, log: Collection[Transition]) -> None:
        lockers = {one.command_id: one for one in self.round.lockers}
        held: dict[str, CommandEntity] = {}
        for one in log:
            if one.command_id not in lockers:
                continue
            if one.message == "granted":
                mine = lockers[one.command_id]
                clash = [other for other in held.values() if _clash(mine, other)]
                assert not clash, f"{mine.label} was granted what {clash[0].label} has"
                held[one.command_id] = mine
            elif one.message == "freed":
                held.pop(one.command_id, None)
        rows = [row for row in self.store.locks() if row.command_id in lockers]
        assert {row.command_id for row in rows} == self.asked
        assert {row.command_id for row in rows if row.held} == set(held)
        for row in rows:
            if not row.held:
                assert _is_hindered(row, rows), f"{row.command_id} waits for nobody: {rows}"

    def _check_keys(self) -> None:
        winners = defaultdict(set)
        done = {one.name for one in self.turns if one.done}
        for turn in self.turns:
            for verb, *what in turn.told if turn.done else ():
                if verb == "remember":
                    winners[what[0]].add(what[1])
        for key, found in winners.items():
            assert len(found) == 1, f"{key} was first used by {found}"
            assert found <= done


def _is_over(orders: Collection[Order]) -> bool:
    return ["commit"] in orders or ["abort"] in orders


def _logs(turn: Turn) -> bool:
    return any(verb != "remember" for verb, *_ in turn.told)


def _clash(one: CommandEntity, other: CommandEntity) -> bool:
    return any(
        mine.entity_id == theirs.entity_id and LockMode.EXCLUSIVE in (mine.mode, theirs.mode)
        for mine in one.locks
        for theirs in other.locks
    )


def _is_hindered(waiting: LockRow, rows: list[LockRow]) -> bool:
    """Tells whether somebody stands before it, in one of its queues."""
    return any(
        row.lock.entity_id == mine.lock.entity_id
        and LockMode.EXCLUSIVE in (row.lock.mode, mine.lock.mode)
        and (row.held or row.since <= mine.since)
        for mine in rows
        if mine.command_id == waiting.command_id
        for row in rows
        if row.command_id != waiting.command_id
    )


@pytest.fixture
def at_bench(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], Bench]]:
    """Sets hands to a store; they are gone afterwards."""
    benches: list[Bench] = []

    def open_(kind: str, sort: str) -> Bench:
        store, url = MemoryStore(), ""
        if kind == "memory":
            bench = Bench(store, [ThreadHand(store) for _ in range(HANDS)], False)
        else:
            url = request.getfixturevalue(f"{kind}_url")
            if kind == "postgres":  # a deadlock is to be found before the next order
                url += "?options=-c%20deadlock_timeout%3D20ms"
            sql = SqlStore(make_engine(url))
            hands = [
                ProcessHand(url) if sort == "processes" else ThreadHand(sql) for _ in range(HANDS)
            ]
            bench = Bench(sql, hands)
        benches.append(bench)
        return bench

    yield open_
    for bench in benches:
        for hand in bench.hands:
            hand.close()
        if isinstance(bench.store, SqlStore):
            bench.store.close()


@pytest.mark.parametrize(
    ("kind", "sort"),
    [
        ("memory", "threads"),
        ("sqlite", "threads"),
        ("sqlite", "processes"),
        ("postgres", "threads"),
        ("postgres", "processes"),
    ],
)
def test_turns_of_many_hands_are_as_if_one_after_the_other(
    at_bench: Callable[[str, str], Bench], kind: str, sort: str
) -> None:
    bench = at_bench(kind, sort)

    make: Any = lambda: Turns(bench)  # noqa: E731 - a class to Hypothesis' types, called only
    run_state_machine_as_test(make, settings=QUICK)
