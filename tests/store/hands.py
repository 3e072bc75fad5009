"""Hands: each a thread or a process with one transaction at a time, told order by order what to do in it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.core.entity import CommandEntity, NewCommand, Payload
from orchestrator.core.errors import ContendedError
from orchestrator.core.ports import Store, Transaction
from orchestrator.store.sql import SqlStore, make_engine
from tests.store.rows import news, parts_of, root

Order: TypeAlias = list[Any]
REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60.0
PARTS = 2


class UndoneError(Exception):
    """The hand was told to take its transaction back."""


@dataclass(slots=True)
class Turn:
    """What a transaction did, as the hand tells it; nothing of it is stored unless it is `done`."""

    name: str
    done: bool = False
    told: list[Any] = field(default_factory=list)
    broke: str = ""  # what no transaction should have met


@dataclass(slots=True)
class Hand:
    """Does turns: orders up to `commit` or `abort`, all in one transaction."""

    store: Store
    seen: dict[str, CommandEntity] = field(default_factory=dict)

    def serve(self, orders: Iterable[Order], answer: Callable[[Turn], None]) -> None:
        """Does turn after turn, until there are no more orders."""
        coming = iter(orders)
        for _, name in coming:
            answer(self._turn(Turn(name), coming))

    def _turn(self, turn: Turn, orders: Iterator[Order]) -> Turn:
        verb = "begin"
        try:
            with self.store.begin() as tx:
                for verb, *what in orders:
                    if verb == "commit":
                        break
                    if verb == "abort":
                        raise UndoneError  # noqa: TRY301 - as a verb that raises in a transaction
                    turn.told.append([verb, *getattr(self, f"_{verb}")(tx, turn.name, *what)])
            turn.done = True
        except (ContendedError, UndoneError):
            pass
        except Exception as problem:
            turn.broke = f"{verb}: {type(problem).__name__}: {problem}"
        while verb not in ("commit", "abort"):
            verb, *_ = next(orders)
        return turn

    def _raise(self, tx: Transaction, turn: str, *numbers: int) -> list[Any]:
        """Locks commands, and raises their revisions."""
        found = tx.lock([root(one).command_id for one in numbers])
        changed = [_raised(one) for one in found]
        tx.save(changed)
        tx.log([news(one, causes=(turn,)) for one in changed])
        self.seen.update((one.command_id, one) for one in found)
        return [[one.command_id, one.revision] for one in changed]

    def _trust(self, tx: Transaction, turn: str, number: int) -> list[Any]:
        """Raises a command's revision by what this hand last saw of it, without reading it again."""
        one = _raised(self.seen.get(root(number).command_id, root(number)))
        tx.finish([one], [news(one, causes=(turn,))])
        return [[one.command_id, one.revision]]

    def _acquire(self, tx: Transaction, turn: str, command_id: str) -> list[Any]:
        """Asks for all that the command locks."""
        (one,) = tx.lock([command_id])
        blocker = tx.acquire(one, datetime.now(UTC))
        word = "granted" if blocker is None else "waits"
        tx.log([news(one, causes=(turn,), message=word)])
        return [command_id]

    def _release(self, tx: Transaction, turn: str, command_id: str) -> list[Any]:
        """Leaves, and lets in whoever may come in now."""
        (one,) = tx.lock([command_id])
        granted = tx.release([command_id])
        tx.log([news(one, causes=(turn,), message="freed")])
        tx.log([news(other, causes=(turn,), message="granted") for other in tx.lock(granted)])
        return [command_id]

    def _remember(self, tx: Transaction, turn: str, key: str) -> list[Any]:
        """Asks under an idempotency key."""
        earlier = tx.remember_request(key, "digest", turn)
        return [key, turn if earlier is None else earlier[1]]

    def _plant(self, tx: Transaction, turn: str, number: int) -> list[Any]:
        """Stores a small tree; another hand may be storing the same."""
        top = root(number)
        tx.insert([NewCommand(one, Payload({})) for one in (top, *parts_of(top, PARTS))])
        tx.log([news(top, causes=(turn,), message="planted")])
        return [top.command_id]


def _raised(one: CommandEntity) -> CommandEntity:
    return one._replace(revision=one.revision + 1, attempt=one.attempt + 1)


class ThreadHand:
    """A hand in a thread of this process."""

    def __init__(self, store: Store) -> None:
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._turns: queue.Queue[Turn] = queue.Queue()
        orders = iter(self._orders.get, None)
        self._thread = threading.Thread(
            target=lambda: Hand(store).serve(orders, self._turns.put), daemon=True
        )
        self._thread.start()

    def tell(self, order: Order) -> None:
        """Gives an order; does not wait until it is done."""
        self._orders.put(order)

    def hear(self, patience_s: float) -> Turn:
        """Waits until a turn has ended. Raises queue.Empty when none does in time."""
        return self._turns.get(timeout=patience_s)

    def close(self) -> None:
        """Has no more orders."""
        self._orders.put(None)
        self._thread.join(PATIENCE_S)


class ProcessHand:
    """A hand in a process of its own."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.hands", url],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._turns: queue.Queue[Turn] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._turns.put(Turn(*json.loads(line)))

    def tell(self, order: Order) -> None:
        """Gives an order; does not wait until it is done."""
        print(json.dumps(order), file=self._process.stdin)

    def hear(self, patience_s: float) -> Turn:
        """Waits until a turn has ended. Raises queue.Empty when none does in time."""
        return self._turns.get(timeout=patience_s)

    def close(self) -> None:
        """Has no more orders."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


def main() -> None:
    """Reads orders from stdin, one in a line: `python -m tests.store.hands URL`."""
    store = SqlStore(make_engine(sys.argv[1]))

    def answer(turn: Turn) -> None:
        print(json.dumps([turn.name, turn.done, turn.told, turn.broke]), flush=True)

    Hand(store).serve(map(json.loads, sys.stdin), answer)


if __name__ == "__main__":
    main()
