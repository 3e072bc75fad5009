"""The commands of a chaos run: the model's, with an outside system that can be killed, and some of ill will."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from orchestrator import Command, Plan, Run, parallel, sequence
from tests.chaos.outside import Remote
from tests.model.commands import KINDS
from tests.model.outside import Outside
from tests.model.world import FileWorld

globals().update({one.__name__: one for one in KINDS.values()})  # where a worker looks for them

MODEL_DIR = "ORCHESTRATOR_MODEL_DIR"


class SteadyWorld(FileWorld):
    """The world on the one clock that no wrong wall clock moves, and that all processes share."""

    def time(self) -> float:
        return time.monotonic()


class Nap(Command, kind="chaos.nap"):
    """Takes a while."""

    seconds: float = 0.0

    def execute(self) -> None:
        time.sleep(self.seconds)


class Step(Command, kind="chaos.step"):
    """Takes a while, and leaves a line in the ledger."""

    seconds: float = 0.0

    def execute(self, world: FileWorld, run: Run) -> None:
        world.note(run, "execute")
        time.sleep(self.seconds)


class Steps(Command, kind="chaos.steps"):
    """Steps one after the other."""

    number: int
    seconds: float = 0.0

    def plan(self) -> Plan:
        return sequence(Step(seconds=self.seconds) for _ in range(self.number))


class Assassin(Command, kind="chaos.assassin"):
    """Kills its worker, every time."""

    def execute(self, world: FileWorld) -> None:
        world.crash()


class Sleeper(Command, kind="chaos.sleeper", timeout=timedelta(seconds=1)):
    """Runs past its timeout, and then says that all went well."""

    def execute(self) -> str:
        time.sleep(4)
        return "too late"


class Many(Command, kind="chaos.many"):
    """Many parts, side by side or one after the other."""

    parts: int
    side_by_side: bool

    def plan(self) -> Plan:
        naps = (Nap() for _ in range(self.parts))
        return parallel(naps) if self.side_by_side else sequence(naps)


class Nested(Command, kind="chaos.nested"):
    """A command in a command in a command."""

    depth: int

    def plan(self) -> Plan:
        return sequence(Nested(depth=self.depth - 1) if self.depth > 1 else Nap())


def supplies() -> list[object]:
    """Gives what the verbs ask for."""
    outside = Outside(Remote())
    outside.time = time.monotonic
    return [SteadyWorld(Path(os.environ[MODEL_DIR])), outside]
