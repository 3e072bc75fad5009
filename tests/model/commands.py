"""Scripted commands: their parameters say what each verb does, so a random plan is a value.

A worker loads them with `ORCHESTRATOR_MODULES=tests.model.commands`; `ORCHESTRATOR_MODEL_DIR` names the folder
where the ledger and the fake outside system live. Without it they live in memory.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from types import new_class
from typing import Any

from orchestrator import (
    AsyncTask,
    Command,
    Locks,
    Outcome,
    Plan,
    Refused,
    Retry,
    Run,
    TryAgain,
    WhenSilent,
    best_effort,
    exclusive,
    external,
    parallel,
    sequence,
)
from orchestrator.core.plan import Part
from tests.model.odd import LAZY, ODD_ERRORS, ODD_WAITS, one_of
from tests.model.outside import SYSTEM, Folder, Outside
from tests.model.plans import VENDORS, Node, from_json
from tests.model.world import FileWorld, World

RETRY = Retry(attempts=6, first=timedelta(seconds=0.2), most=timedelta(seconds=1))
HANG_TIMEOUT = timedelta(seconds=2)
HANGS = {"hang": 6.0, "stuck": 6_000.0}  # seconds
ONCE = Retry(attempts=1)  # each call that is stuck takes a thread for good
TASK_TIMEOUT = timedelta(seconds=30)
FROZEN_TIMEOUT = timedelta(seconds=6)
VENDOR_LEASE = timedelta(seconds=5)
TASKS = {
    "task": "succeeds",
    "task_fails": "fails",
    "task_lost": "lost",
    "task_frozen": "frozen",
    "task_refused": "refused",
    "task_busy": "busy",  # cannot be started now, and never can
    "task_mute": "mute",  # may have been started: the answer is always lost
}


class Scripted(Command):
    """What all scripted commands have."""

    name: str
    does: str = "succeed"
    times: int = 0
    seconds: float = 0.0
    on_end: str = "succeed"
    on_undo: str = "succeed"
    on_check: str = "succeed"
    lock_names: tuple[str, ...] = ()

    def locks(self) -> Locks:
        return exclusive("model", *self.lock_names)

    def act(self, script: str, verb: str, world: World, run: Run) -> Any:
        """Does what a script says, and gives an async task where that is what it says."""
        if script in TASKS:
            world.note(run, verb)
            return self._task(script, verb)
        tally = world.tally(run, verb)
        if script in HANGS:
            world.note(run, "hang", did=False)
            world.hang(HANGS[script])  # if nobody minds, it has done its work
        elif fails(script, tally, self.times):
            world.note(run, verb, did=False)
            return self._go_wrong(script, world, sum(self.name.encode()) + tally)
        world.note(run, verb)
        return f"{self.name}.{verb}"

    def _go_wrong(self, script: str, world: World, number: int) -> Any:
        match script:
            case "refuse":
                raise Refused(f"{self.name} is refused")
            case "postpone" | "wait":
                raise TryAgain(f"{self.name} waits", after=one_of(ODD_WAITS, number))
            case "crash" | "poison":
                return world.crash()
            case "unstorable":
                return one_of(world.unstorable, number)()
            case "lazy":
                return one_of(LAZY, number)()
            case _:
                raise one_of(ODD_ERRORS, number)(f"{self.name} went wrong")

    def _task(self, script: str, verb: str) -> AsyncTask[Any]:
        return AsyncTask(
            system=SYSTEM,
            scope=f"scope-{len(self.name) % 2}",
            verb=verb,
            request={"does": TASKS[script], "seconds": self.seconds},
            description=self.name,
            timeout=FROZEN_TIMEOUT if script == "task_frozen" else TASK_TIMEOUT,
        )


def fails(script: str, tally: int, times: int) -> bool:
    """Tells whether the script has its verb go wrong, when it is called for the `tally`-th time."""
    match script:
        case "refuse" | "raise" | "poison" | "unstorable" | "wait" | "lazy":
            return True
        case "flaky" | "postpone" | "crash":
            return tally <= times
        case _:
            return False


class Executes(Scripted):
    """A leaf. It says a text, as its work outside does, and asks what others said."""

    def execute(self, world: World, run: Run, outside: Outside, said: list[str]) -> AsyncTask[str]:
        return self.act(self.does, "execute", world, run)  # type: ignore[no-any-return]


class Ends(Command):
    """Has an `end`."""

    def end(self: Scripted, outcome: Outcome, world: World, run: Run, said: list[str]) -> None:  # type: ignore[misc]
        self.act(self.on_end, "end", world, run)


class Undoes(Command):
    """Has a `compensate`."""

    def compensate(self: Scripted, world: World, run: Run, said: list[str]) -> Any:  # type: ignore[misc]
        return self.act(self.on_undo, "compensate", world, run)


class Checks(Command):
    """Has a `validate`."""

    def validate(self: Scripted, world: World, run: Run, said: list[str]) -> Any:  # type: ignore[misc]
        answer = self.act(self.on_check, "validate", world, run)
        return answer if self.on_check == "lazy" else None


class Plans(Scripted):
    """A command with parts, whose plan is among its parameters."""

    tree: dict[str, Any]

    def plan(self) -> Plan:
        return plan_of(from_json(self.tree))


class PlansLate(Scripted):
    """A command with parts that are known only when its turn has come."""

    tree: dict[str, Any]

    def plan(self, world: World, run: Run, said: list[str]) -> Plan:
        return plan_of(from_json(self.tree))


def _kinds() -> dict[str, type[Scripted]]:
    """Makes a class for each set of verbs: which verbs a command has is in its class, not in its value."""
    found: dict[str, type[Scripted]] = {}
    for stem, base in (
        ("leaf", Executes),
        ("tree", Plans),
        ("late", PlansLate),
        ("hang", Executes),
        ("stuck", Executes),
    ):
        for number in range(8):
            mixins = [
                mixin for bit, mixin in enumerate((Ends, Undoes, Checks)) if number >> bit & 1
            ]
            kind = ".".join((stem, *(one.__name__.lower() for one in mixins)))
            found[kind] = _make(kind, (*mixins, base), HANG_TIMEOUT if stem in HANGS else None)
    return found


def _make(kind: str, bases: tuple[type, ...], timeout: timedelta | None) -> type[Scripted]:
    retry = ONCE if kind.startswith("stuck") else RETRY
    said = {"kind": f"model.{kind}", "label": "{name}", "retry": retry, "timeout": timeout}
    body = {"__module__": __name__, "__doc__": "A scripted command."}
    made: type[Scripted] = new_class(
        kind.title().replace(".", ""), bases, said, lambda names: names.update(body)
    )
    return made


KINDS = _kinds()
globals().update({one.__name__: one for one in KINDS.values()})  # where a worker looks for them


def command_of(node: Node) -> Command:
    """Gives the command that plays a node that is no plain group."""
    if node.does in VENDORS and not node.parts:
        return external(
            "acme",
            node.name,
            lease=VENDOR_LEASE,
            timeout=TASK_TIMEOUT,
            when_silent=(WhenSilent.FAIL if node.does == "vendor_silent" else WhenSilent.ATTENTION),
            data={"does": node.does, "seconds": node.seconds},
        )
    stem = node.does if node.does in HANGS else "leaf"
    if node.parts:
        stem = "late" if node.is_dynamic else "tree"
    verbs = (("ends", node.end), ("undoes", node.undo), ("checks", node.check))
    kind = ".".join((stem, *(name for name, script in verbs if script is not None)))
    values: dict[str, Any] = {
        "name": node.name,
        "does": node.does,
        "times": node.times,
        "seconds": node.seconds,
        "on_end": node.end or "succeed",
        "on_undo": node.undo or "succeed",
        "on_check": node.check or "succeed",
        "lock_names": node.locks,
    }
    if node.parts:
        values["tree"] = node.to_json()
    return KINDS[kind](**values)


def plan_of(node: Node) -> Plan:
    """Gives the parts of a node, in order or side by side."""
    parts = [_part_of(part) for part in node.parts]
    return sequence(*parts) if node.mode == "sequence" else parallel(*parts)


def _part_of(node: Node) -> Part:
    part: Part = command_of(node) if node.is_command or not node.parts else plan_of(node)
    return best_effort(part) if node.best_effort else part


def supplies() -> list[object]:
    """Gives what the verbs ask for: the world and the outside system."""
    folder = os.environ.get("ORCHESTRATOR_MODEL_DIR")
    if folder is None:
        return [World(), Outside()]
    path = Path(folder)
    return [FileWorld(path), Outside(Folder(path / "outside"))]
