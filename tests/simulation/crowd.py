"""Everybody around the installation: callers who submit, operators who meddle, vendors who report, a feed reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity, Transition
from orchestrator.core.errors import ContendedError, OrchestratorError, UnavailableError
from orchestrator.core.external import VENDOR_SYSTEM
from orchestrator.core.status import Outcome, Phase, Status, TaskState
from tests.model.commands import command_of
from tests.model.oracle import Action
from tests.model.plans import Node
from tests.simulation.actors import Crash, Desk

if TYPE_CHECKING:
    from tests.simulation.play import Play

VERBS = ("stop", "stop", "skip", "restart", "resolve")


@dataclass(slots=True)
class Tree:
    """A plan on its way, and what people did to it."""

    plan: Node
    key: str
    deadline: float | None = None
    root: str | None = None
    actions: list[Action] = field(default_factory=list)


class Crowd:
    """Acts through the desk; when the desk dies under somebody's hands, another opens."""

    def __init__(self, play: Play, trees: list[Tree]) -> None:
        self.play = play
        self.trees = trees
        self.desk = Desk(play, 0)
        self.meddling = 0
        self.feed: list[Transition] = []
        self._cursor = "0"

    # --- callers ---------------------------------------------------------------------------------

    def submit(self) -> bool:
        """Submits a plan that is not known to be stored; False when all are."""
        waiting = [one for one in self.trees if one.root is None]
        if not waiting:
            return False
        tree = self.play.rng.choice(waiting)
        deadline = timedelta(seconds=tree.deadline) if tree.deadline else None

        def submit() -> None:
            at = self.play.clock.now() + deadline if deadline else None
            handle = self.desk.orchestrator.submit(
                command_of(tree.plan), idempotency_key=tree.key, deadline=at
            )
            tree.root = handle.id

        self._at_the_desk(submit)
        return True

    def _at_the_desk(self, do: Callable[[], None]) -> bool:
        """Does something through the API; True when it is known to have been done."""
        try:
            do()
        except Crash:
            self.desk = Desk(self.play, 0)
            return False
        except (UnavailableError, ContendedError):
            return False
        return True

    # --- operators -------------------------------------------------------------------------------

    def meddle(self) -> None:
        """Has an operator do something to some command."""
        tree = self.play.rng.choice(self.trees)
        if tree.root is None:
            return
        command = self.play.rng.choice(self.play.store.tree(tree.root))
        self.order(tree, command, self.play.rng.choice(VERBS))

    def attach(self) -> None:
        """Has a vendor add a part of its own to a command that is under way."""
        rng = self.play.rng
        rows = [row for tree in self.trees if tree.root for row in self.play.store.tree(tree.root)]
        waiting = [one for one in rows if one.status is Status.WAITING and one.order >= 0]
        if not waiting:
            return
        parent, does = rng.choice(waiting), rng.choice(("vendor", "vendor", "vendor_fails"))
        late = Node(name="late", does=does, seconds=rng.uniform(0, 5))
        self.play.say(f"vendor: attach to {parent.label}")

        def attach() -> None:
            self.desk.orchestrator.attach(parent.command_id, command_of(late), owner="acme")

        try:
            self._at_the_desk(attach)
        except OrchestratorError:
            return  # it had ended

    def settle(self) -> bool:
        """Has an operator deal with a command that needs attention; False when there is none."""
        for tree in self.trees:
            for command in self.play.store.tree(tree.root or ""):
                if command.status is Status.NEEDS_ATTENTION:
                    self._attend(tree, command)
                    return True
        return False

    def _attend(self, tree: Tree, command: CommandEntity) -> None:
        rng = self.play.rng
        undoing = command.phase in (Phase.COMPENSATE, Phase.START_COMPENSATE)
        if undoing or rng.random() < 0.2:
            self.order(tree, command, rng.choice(("skip", "resolve")))
        else:
            self.order(tree, command, rng.choice(("resolve", "resolve", "restart", "stop")))

    def order(self, tree: Tree, command: CommandEntity, verb: str) -> None:
        """Gives one order, and writes down what may have been carried out."""
        door, one = self.desk.orchestrator, command.command_id
        outcome = self.play.rng.choice(tuple(Outcome))
        if command.phase is not Phase.EXECUTE:
            outcome = Outcome.SUCCEEDED
        action = Action(verb, one, outcome if verb == "resolve" else None, command.phase)
        do: dict[str, Callable[[], None]] = {
            "stop": lambda: door.stop(one, "told to"),
            "skip": lambda: door.skip(one, "told to"),
            "restart": lambda: door.restart(one, "told to"),
            "resolve": lambda: door.resolve(one, outcome, "told to"),
        }
        try:
            self._at_the_desk(do[verb])
        except OrchestratorError:
            return  # refused: nothing has been done
        tree.actions.append(action)
        self.play.say(f"operator: {verb} {command.label} ({command.status})")

    # --- vendors ---------------------------------------------------------------------------------

    def vendor(self) -> None:
        """Has the vendor's program look at its tasks, and report on one as its script says."""
        tasks = [
            one
            for one in self.play.store.open_tasks(VENDOR_SYSTEM, "acme")
            if one.state is TaskState.POLLING
        ]
        if tasks:
            report = self._news(self.play.rng.choice(tasks))
            self._at_the_desk(lambda: self.desk.orchestrator.report([report] if report else []))

    def _news(self, task: TaskEntity) -> TaskReport | None:
        does, seconds = task.request["does"], task.request["seconds"]
        over = self.play.clock.now() >= task.created_at + timedelta(seconds=seconds)
        status = TaskStatus.RUNNING
        if does in ("vendor_silent", "vendor_quiet") and task.has_begun:
            return None
        if task.stop_requested:
            status = TaskStatus.ABORTED
        elif over and does not in ("vendor_silent", "vendor_quiet"):
            status = TaskStatus.SUCCEEDED if does == "vendor" else TaskStatus.FAILED
        return TaskReport(
            system=task.system, scope=task.scope, status=status, task_id=task.task_id, progress=0.5
        )

    # --- the feed --------------------------------------------------------------------------------

    def read_feed(self, limit: int = 7) -> int:
        """Reads on in the feed; says how much there was."""
        page = self.play.store.get_modified_commands(int(self._cursor), limit)
        self.feed.extend(page.items)
        self._cursor = page.cursor or self._cursor
        return len(page.items)
