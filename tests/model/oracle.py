"""The oracle: says from a plan, its scripts and the operators' orders how each command must have ended.

It knows nothing of the engine's machine: leaves end as their scripts say, unless an order or a deadline came between;
what a leaf's ending means for the commands around it follows from the plan alone. Where a race leaves several
endings right for a command, the one that it has is taken if it is among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.core.entity import CommandEntity
from orchestrator.core.external import EXTERNAL_KIND
from orchestrator.core.status import Outcome, Phase, Status
from tests.model.commands import TASK_TIMEOUT
from tests.model.plans import GOOD, POISON, UNKNOWN, VENDORS, Node

S, F, X = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.STOPPED
SHOWN = {
    Status.SUCCEEDED: S,
    Status.COMPENSATED: S,
    Status.FAILED: F,
    Status.STOPPED: X,
    Status.SKIPPED: None,
}
WORSE = (F, X, S)
NEVER = ("refuse", "raise", "lazy")  # a validate that does not let it begin


@dataclass(frozen=True, slots=True)
class Action:
    """An operator's order that was, or may have been, carried out."""

    verb: str
    command_id: str
    outcome: Outcome | None = None
    phase: Phase = Phase.EXECUTE


def judge(
    plan: Node,
    tree: Sequence[CommandEntity],
    actions: Iterable[Action] = (),
    *,
    deadline: bool = False,
    deaths: int = 5,
) -> list[str]:
    """Compares how a tree ended with how it must have; gives a line for each command that ended wrong.

    `tree` is the root and all below it; `deadline` tells that the root had one; `deaths` after how many
    deaths of workers a command may have been given up.
    """
    oracle = _Oracle(tree, tuple(actions), deadline=deadline, deaths=deaths)
    oracle.visit(plan, tree[0], stopped=deadline, undone=False)
    return oracle.wrong


class _Oracle:
    def __init__(
        self,
        tree: Sequence[CommandEntity],
        actions: tuple[Action, ...],
        *,
        deadline: bool,
        deaths: int,
    ) -> None:
        self.wrong: list[str] = []
        self._actions, self._deadline, self._deaths = actions, deadline, deaths
        self._parts: dict[str | None, list[CommandEntity]] = {}
        self._late: dict[str | None, set[Status]] = {}
        for one in tree:
            if one.order < 0:
                self._late.setdefault(one.parent_id, set()).add(one.status)
            else:
                self._parts.setdefault(one.parent_id, []).append(one)
        for parts in self._parts.values():
            parts.sort(key=lambda one: one.order)

    def visit(self, node: Node, command: CommandEntity, *, stopped: bool, undone: bool) -> None:
        """Checks a command that was begun, and all below it. `undone`: what encloses it was undone."""
        stopped = stopped or self._ordered("stop", command)
        outcome = self._outcome(node, command, stopped=stopped)
        if outcome is None:
            self._expect(node, command, {Status.SKIPPED})
        elif outcome is S:
            late = command.command_id in self._late  # parts that a vendor added
            undoes = node.undo or late or self._parts.get(command.command_id)
            keeps = command.kind == EXTERNAL_KIND  # its vendor does not undo, whatever was below it
            over = Status.COMPENSATED if undone and undoes and not keeps else Status.SUCCEEDED
            self._expect(node, command, {over})
        else:
            self._expect(node, command, {Status.FAILED if outcome is F else Status.STOPPED})
        if node.parts:
            self._visit_parts(node, command, outcome, stopped=stopped, undone=undone)

    def _visit_parts(
        self,
        node: Node,
        command: CommandEntity,
        outcome: Outcome | None,
        *,
        stopped: bool,
        undone: bool,
    ) -> None:
        pairs = self._pairs(node, command)
        undoing = (outcome is S and undone) or outcome in (F, X)
        if not self._opened(node, command, outcome, stopped=stopped):
            for part, row in pairs:
                self._unbegun(part, row, stopped=stopped)
            return
        if self._resolved_end(command):  # an operator's word says nothing of what was undone
            undoing = any(row.status is Status.COMPENSATED for _, row in pairs)
        cut = False
        for part, row in pairs:
            cut = cut or self._called_off(node, command, row)
            if cut:
                self._unbegun(part, row, stopped=stopped)
                continue
            self.visit(part, row, stopped=stopped, undone=undoing)
            found = self._counts_as(part, self._outcome(part, row, stopped=stopped))
            cut = node.mode == "sequence" and found is not S

    def _called_off(self, node: Node, command: CommandEntity, part: CommandEntity) -> bool:
        """Tells whether a part of a sequence had no turn because a part that was added to it had failed."""
        late = self._late.get(command.command_id, set()) & {Status.FAILED, Status.STOPPED}
        passed = part.status is Status.SKIPPED and not self._ordered("skip", part)
        return node.mode == "sequence" and bool(late) and passed

    def _unbegun(self, node: Node, command: CommandEntity, *, stopped: bool) -> None:
        stopped = stopped or self._ordered("stop", command)
        self._expect(
            node, command, {Status.SKIPPED, Status.STOPPED} if stopped else {Status.SKIPPED}
        )
        for part, row in self._pairs(node, command):
            self._unbegun(part, row, stopped=stopped)

    def _outcome(self, node: Node, command: CommandEntity, *, stopped: bool) -> Outcome | None:
        """Gives how a command that was begun came out by itself; None when it was skipped."""
        right = self._right(node, command, stopped=stopped or self._ordered("stop", command))
        if len(right) == 1:
            return next(iter(right))
        found = SHOWN.get(command.status, S)
        if found in right:
            return found
        words = " or ".join(sorted(str(one) for one in right)) or "nothing without an operator"
        self.wrong.append(f"{node.name} is {command.status}; right is {words}")
        return found

    def _right(self, node: Node, command: CommandEntity, *, stopped: bool) -> set[Outcome | None]:
        right: set[Outcome | None] = set(self._by_plan(node, command, stopped=stopped))
        if stopped:
            right.add(X)
        if stopped and self._deadline:
            right.add(F)
        if command.deaths >= self._deaths and node.parts:
            right.add(F)  # given up; of a leaf nobody knows whether it was done
        if node.locks and command.parent_id is not None:
            right.add(F)  # it would have waited for ever
        if self._ordered("skip", command):
            right.add(None)
        late = self._late.get(command.command_id, set())
        right.update(SHOWN[one] for one in late & {Status.FAILED, Status.STOPPED})
        for one in self._actions:
            if one.command_id == command.command_id and one.verb == "resolve":
                right.add(one.outcome)
        return right

    def _by_plan(self, node: Node, command: CommandEntity, *, stopped: bool) -> set[Outcome]:
        if node.check in NEVER:
            return {F}
        if not node.parts:
            return self._by_script(node, command)
        if command.status is Status.SKIPPED and self._ordered("skip", command):
            return set()
        if self._cut_off(node, command, stopped=stopped):
            return self._as_stopped(node, command)
        found = [S]
        for part, row in self._pairs(node, command):
            if self._called_off(node, command, row):
                break
            found.append(self._counts_as(part, self._outcome(part, row, stopped=stopped)))
            if node.mode == "sequence" and found[-1] is not S:
                break  # what follows was never begun
        return {next(one for one in WORSE if one in found)}

    def _as_stopped(self, node: Node, command: CommandEntity) -> set[Outcome]:
        """Gives what follows from parts none of which was begun: each was stopped, skipped, or cut off."""
        pairs = self._pairs(node, command)
        if any(row.status is Status.STOPPED and not part.best_effort for part, row in pairs):
            return {X}
        passed = all(row.status is Status.STOPPED or self._ordered("skip", row) for _, row in pairs)
        return {S} if passed else set()

    def _by_script(self, node: Node, command: CommandEntity) -> set[Outcome]:
        right = {S} if node.does in GOOD else set() if node.does in (*UNKNOWN, *POISON) else {F}
        if node.does == "hang":
            right.add(S)  # it comes back, and may do so before anybody has looked
        if (node.does in VENDORS or node.does.startswith("task")) and _took(command, TASK_TIMEOUT):
            right.add(F)
        return right

    def _opened(
        self, node: Node, command: CommandEntity, outcome: Outcome | None, *, stopped: bool
    ) -> bool:
        """Tells whether its parts were begun."""
        if node.check in NEVER or outcome is None:
            return False
        went_through = outcome is S and not self._resolved_end(command)
        return went_through or not self._cut_off(node, command, stopped=stopped)

    def _cut_off(self, node: Node, command: CommandEntity, *, stopped: bool) -> bool:
        """Tells whether it came to an end before any of its parts had its turn."""
        could_be = stopped or command.deaths >= self._deaths or bool(node.locks)
        rows = self._parts.get(command.command_id, [])
        return could_be and not any(
            row.start_time or row.status not in (Status.SKIPPED, Status.STOPPED) for row in rows
        )

    def _counts_as(self, node: Node, outcome: Outcome | None) -> Outcome:
        return S if node.best_effort or outcome is None else outcome

    def _pairs(self, node: Node, command: CommandEntity) -> list[tuple[Node, CommandEntity]]:
        rows = self._parts.get(command.command_id, [])
        if len(rows) not in (len(node.parts), 0 if node.is_dynamic else len(node.parts)):
            self.wrong.append(f"{node.name} has {len(rows)} parts instead of {len(node.parts)}")
        return list(zip(node.parts, rows, strict=False))

    def _ordered(self, verb: str, command: CommandEntity) -> bool:
        return any(
            one.verb == verb and one.command_id == command.command_id for one in self._actions
        )

    def _resolved_end(self, command: CommandEntity) -> bool:
        return any(
            one.verb == "resolve"
            and one.command_id == command.command_id
            and one.phase is Phase.END
            for one in self._actions
        )

    def _expect(self, node: Node, command: CommandEntity, right: set[Status]) -> None:
        if command.status not in right:
            words = " or ".join(sorted(right))
            self.wrong.append(
                f"{node.name} ({node.mode or node.does}) is {command.status} instead of {words}"
                f": {command.message}"
            )


def _took(command: CommandEntity, time: timedelta) -> bool:
    if command.start_time is None or command.end_time is None:
        return False
    return command.end_time - command.start_time >= time
