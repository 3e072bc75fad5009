"""Those who use the installation while it is broken: clients, operators, a vendor, a reader of the feed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.app import Orchestrator
from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity, Transition
from orchestrator.core.errors import (
    ConflictError,
    ContendedError,
    NotFoundError,
    UnavailableError,
)
from orchestrator.core.external import VENDOR_SYSTEM
from orchestrator.core.query import CommandQuery, TaskQuery
from orchestrator.core.status import FINAL, Outcome, Phase, Status
from tests.chaos.web import Web
from tests.model.commands import command_of
from tests.model.oracle import Action
from tests.model.plans import Menu, Node, random_plan

PASSING = (UnavailableError, ContendedError)
LIVE = tuple(one for one in Status if one not in FINAL)
BY_WEB = 0.3  # of the submissions
MENU = Menu(
    parts=6,
    trouble=0.15,
    seconds=1.5,
    good=(*("succeed",) * 8, *("task",) * 4, "flaky", "flaky", "postpone", "vendor", "vendor", "crash"),
    # No `task_frozen`: how a wait of half a minute ends is for the simulation to see.
    bad=("refuse", "raise", "unstorable", "hang", "task_fails", "task_refused", "task_lost",
         "vendor_fails", "vendor_silent", "vendor_quiet"),
    ends=(*("succeed",) * 6, "flaky"),
    undos=(*("succeed",) * 5, "flaky", "task", "task"),
    locks=tuple(f"e{number}" for number in range(1_000)),
)  # fmt: skip


@dataclass(slots=True)
class Tree:
    """A tree that was submitted: its key, its plan, by which door, and its id once that is known.

    A key belongs to who uses it, so it is asked again by the same door.
    """

    key: str
    node: Node
    by_web: bool = False
    root_id: str | None = None


@dataclass(slots=True)
class Actor:
    """Somebody who does one thing again and again in a thread; passing trouble is borne."""

    name: str
    act: Callable[[], None]
    every_s: float
    troubles: Counter[str] = field(default_factory=Counter)
    error: BaseException | None = None
    turn: threading.Lock = field(
        default_factory=threading.Lock
    )  # who has it keeps the actor from acting
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, and raises what the actor could not bear."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)
        if self.error is not None:
            raise self.error

    def _live(self) -> None:
        while not self._stop.wait(self.every_s):
            try:
                with self.turn:
                    self.act()
            except PASSING as problem:
                self.troubles[type(problem).__name__] += 1
            except BaseException as problem:
                self.error = problem
                return


@dataclass(slots=True)
class Client:
    """Submits random trees, each under a key; what was not answered is asked again under the same."""

    orchestrator: Orchestrator
    rng: random.Random
    web: Web | None = None
    in_flight: int = 60
    menu: Menu = MENU
    trees: list[Tree] = field(default_factory=list)
    repeats: int = 0

    def act(self) -> None:
        """Submits one tree, if not too many are under way; now and then an old one once more."""
        unanswered = next((one for one in self.trees if one.root_id is None), None)
        if unanswered is not None:
            self._submit(unanswered)
        elif self.trees and self.rng.random() < 0.05:
            self._submit(self.rng.choice(self.trees))
        elif self._room():
            node = random_plan(self.rng, self.menu)
            by_web = self.web is not None and self.rng.random() < BY_WEB
            tree = Tree(f"tree-{len(self.trees)}", node, by_web)
            self.trees.append(tree)
            self._submit(tree)

    def finish(self) -> None:
        """Asks again for what was not answered."""
        for tree in self.trees:
            if tree.root_id is None:
                self._submit(tree)

    def _room(self) -> bool:
        live = self.orchestrator.commands(CommandQuery(statuses=LIVE, limit=1)).total or 0
        return live < self.in_flight

    def _submit(self, tree: Tree) -> None:
        command = command_of(tree.node)
        if self.web is not None and tree.by_web:
            found, repeated = self.web.submit(command, tree.key)
        else:
            handle = self.orchestrator.submit(command, idempotency_key=tree.key)
            found, repeated = handle.id, handle.repeated
        if tree.root_id is not None:
            self.repeats += 1
            if (found, repeated) != (tree.root_id, True):
                raise AssertionError(f"{tree.key} is {tree.root_id} and also {found}")
        tree.root_id = found


@dataclass(slots=True)
class Operators:
    """Stop, restart, skip and resolve at random; `settle` only what needs a person."""

    orchestrator: Orchestrator
    rng: random.Random
    meddling: float = 0.3
    done: Counter[str] = field(default_factory=Counter)
    orders: dict[str, list[Action]] = field(default_factory=dict)  # by tree

    def act(self) -> None:
        """Does one thing."""
        if self.rng.random() < self.meddling:
            self._meddle()
        else:
            self.settle()

    def settle(self) -> None:
        """Settles what needs attention."""
        query = CommandQuery(statuses=(Status.NEEDS_ATTENTION,), parts=True, limit=20)
        for command in self.orchestrator.commands(query).items:
            self._order(self.rng.choice(("resolve", "resolve", "skip", "restart")), command)

    def _meddle(self) -> None:
        verb = self.rng.choice(("stop", "stop", "skip", "restart"))
        wanted = (Status.FAILED, Status.STOPPED) if verb == "restart" else LIVE
        query = CommandQuery(statuses=wanted, parts=verb != "restart", limit=30)
        found = self.orchestrator.commands(query).items
        if found:
            self._order(verb, self.rng.choice(found))

    def _order(self, verb: str, command: CommandEntity) -> None:
        outcome = self.rng.choice((Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED))
        if command.phase is not Phase.EXECUTE:
            outcome = Outcome.SUCCEEDED
        action = Action(
            verb, command.command_id, outcome if verb == "resolve" else None, command.phase
        )
        try:
            if verb == "resolve":
                self.orchestrator.resolve(command.command_id, outcome, "an operator knows")
            else:
                getattr(self.orchestrator, verb)(command.command_id, "an operator wants it")
        except (ConflictError, NotFoundError):
            return
        except PASSING:  # the answer got lost: it may have been done
            self._note(action, command.root_id)
            raise
        self._note(action, command.root_id)
        self.done[verb] += 1

    def _note(self, action: Action, root_id: str) -> None:
        self.orders.setdefault(root_id, []).append(action)


@dataclass(slots=True)
class Vendor:
    """Does what the vendors' tasks say: reports, is late, or says nothing at all."""

    orchestrator: Orchestrator
    seen: dict[str, float] = field(default_factory=dict)

    def act(self) -> None:
        """Reports on all tasks that are open."""
        query = TaskQuery(system=VENDOR_SYSTEM, statuses=LIVE, limit=500)
        now = time.monotonic()
        reports = [
            self._report(task, now)
            for task in self.orchestrator.store.find_tasks(query).items
            if not task.status.has_ended
        ]
        self.orchestrator.report([one for one in reports if one is not None])

    def _report(self, task: TaskEntity, now: float) -> TaskReport | None:
        does, seconds = task.request["does"], task.request["seconds"]
        begun = self.seen.setdefault(task.task_id, now)
        report = TaskReport(
            system=task.system, scope=task.scope, task_id=task.task_id, status=TaskStatus.RUNNING
        )
        if does in ("vendor_silent", "vendor_quiet"):  # one sign of life, from which the lease runs
            return None if task.has_begun else report._replace(progress=0.1)
        if task.stop_requested:
            return report._replace(status=TaskStatus.ABORTED)
        if now - begun < seconds:
            return report._replace(progress=round((now - begun) / seconds, 1))
        failed = does == "vendor_fails"
        return report._replace(status=TaskStatus.FAILED if failed else TaskStatus.SUCCEEDED)


@dataclass(slots=True)
class Reader:
    """Reads the feed all along, and keeps what it saw in the order in which it came.

    There are several in this process, at different speeds: they share what the store knows of holes.
    """

    orchestrator: Orchestrator
    limit: int = 500
    seen: list[Transition] = field(default_factory=list)
    cursor: int = 0

    def act(self) -> None:
        """Reads on."""
        page = self.orchestrator.modified_since(self.cursor, self.limit)
        self.seen.extend(page.items)
        self.cursor = int(page.cursor or self.cursor)
