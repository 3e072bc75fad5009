"""A world in which everything goes wrong at random, and what must hold in it all the same."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from orchestrator import Command, Outcome, Refused, TaskStatus, TryAgain
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.machine import STEPS
from orchestrator.core.status import Phase, Status, Verbs
from orchestrator.engine import faults
from orchestrator.engine.writer import Claimed, Request
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, Diary, Group, Outside
from tests.model.checker import miscounted

THINGS = ("x", "y", "z")
CRASHES = (
    "after_claim", "before_verb", "after_verb", "before_start", "after_start",
    "before_commit", "after_commit",
)  # fmt: skip
UNDONE = {Status.COMPENSATED, Status.FAILED, Status.STOPPED, Status.SKIPPED}
STORED_AS = {Status.PENDING, Status.BLOCKED, Status.READY, Status.WAITING}
CALM_TURNS = 60


class Crash(faults.Death):
    """The worker process dies here."""


class Moody(Diary):
    """A diary that makes verbs fail at random, with the given chance, while it is moody."""

    def __init__(self, rng: random.Random, chance: float) -> None:
        super().__init__()
        self.rng, self.chance, self.moody = rng, chance, True

    def write(self, note: str) -> None:
        self.notes.append(note)
        if self.moody and self.rng.random() < self.chance:
            raise self.rng.choice(
                [
                    Refused("no"),
                    RuntimeError("broken"),
                    TryAgain("busy", after=timedelta(seconds=1)),
                ]
            )


class World:
    """A stage, an outside and a few trees; each method is one thing that may happen."""

    def __init__(self, seed: int, *, chance: float = 0.1, **options: Any) -> None:
        self.rng = random.Random(seed)
        self.diary, self.outside = Moody(self.rng, chance), Outside()
        self.stage = Stage(COMMANDS, (self.diary, self.outside), seed=seed, **options)
        self.stage.store.farewell("stage")  # between two moments no worker that lives has a claim
        self.roots: list[str] = []
        self.zombies: list[Claimed] = []
        self.workers = 0
        self._names = 0

    # --- trees -----------------------------------------------------------------------------------

    def submit(self) -> None:
        """Somebody submits a random tree."""
        things = self.rng.sample(THINGS, self.rng.choice([0, 0, 1, 2]))
        command: Command = Group(
            name=self._name("root"), shape=self._shape(3), exclusive=tuple(things)
        )
        self.roots.append(self.stage.submit(command))

    def _shape(self, depth: int) -> Any:
        kinds = ["step", "step", "ended", "work", "locked"]
        if depth:
            kinds += ["seq", "seq", "par", "par", "best", "group"]
        match self.rng.choice(kinds):
            case "step":
                return self._name("step")
            case "ended" | "work" as kind:
                return [kind, self._name(kind)]
            case "locked":
                return ["locked", self._name("locked"), self.rng.choice(THINGS)]
            case "best":
                return ["best", self._shape(depth - 1)]
            case "group":
                return ["group", self._name("group"), self._shape(depth - 1)]
            case mode:
                return [mode, *(self._shape(depth - 1) for _ in range(self.rng.randint(1, 4)))]

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind} {self._names}"

    # --- messages and workers --------------------------------------------------------------------

    def run(self) -> None:
        """A worker takes a message, in no special order."""
        nudge = self._take()
        if nudge is not None:
            self._run(nudge)

    def crash(self) -> None:
        """A worker takes a message and dies somewhere on the way."""
        nudge = self._take()
        if nudge is None:
            return
        left = self.rng.randint(1, 4)

        def die() -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Crash

        faults.arm(self.rng.choice(CRASHES), die)
        try:
            self._run(nudge)
        except Crash:
            self.workers += 1
            self.stage.runner.worker_id = f"worker {self.workers}"
            self.stage.runner.running.clear()
        finally:
            faults.disarm()

    def fall_silent(self) -> None:
        """A worker claims a command and is heard of much later."""
        nudge = self._take()
        if nudge is None:
            return
        self.workers += 1
        request = Request(
            nudge, worker_id=f"silent {self.workers}", kinds=frozenset(self.stage.catalog.kinds)
        )
        claimed = self.stage.writer.write(request).claimed
        if claimed is not None:
            self.zombies.append(claimed)

    def wake_zombie(self) -> None:
        """A worker that was silent says what came of its command."""
        if not self.zombies:
            return
        zombie = self.zombies.pop(self.rng.randrange(len(self.zombies)))
        request = self.stage.runner.caller.call(zombie, continued=False)
        request.seen = zombie.command
        done = self.stage.writer.write(request)
        self.stage.inbox.launch(done.ready)

    def lose(self) -> None:
        """A message gets lost."""
        self._take()

    def double(self) -> None:
        """A message is delivered twice."""
        if self.stage.inbox.nudges:
            self.stage.inbox.nudges.append(self.rng.choice(self.stage.inbox.nudges))

    def flush(self) -> None:
        """The broker loses everything."""
        self.stage.inbox.nudges.clear()

    def _take(self) -> str | None:
        nudges = self.stage.inbox.nudges
        if not nudges:
            return None
        nudges.rotate(self.rng.randrange(len(nudges)))
        return nudges.popleft()

    def _run(self, nudge: str) -> None:
        self.stage.inbox.launch(self.stage.runner.run(nudge).ready)

    # --- time and the outside --------------------------------------------------------------------

    def tick(self) -> None:
        """The scheduler looks at what is due, a little later; claims of silent workers are taken."""
        self.stage.clock.turn(timedelta(seconds=self.rng.choice([0, 1, 5, 70])))
        self.stage.poller.tick()
        self.stage.reconciler.tick()

    def hear(self) -> None:
        """Something happens to a task outside."""
        open_tasks = self.stage.store.open_tasks("outside", "here")
        if not open_tasks:
            return
        name = self.rng.choice(open_tasks).request["name"]
        status = self.rng.choice([*TaskStatus, TaskStatus.SUCCEEDED, TaskStatus.SUCCEEDED])
        self.outside.says(name, status, progress=round(self.rng.random(), 2), message=status.value)

    # --- operators -------------------------------------------------------------------------------

    def operate(self) -> None:
        """An operator orders something, sensible or not."""
        if not self.roots:
            return
        tree = self.stage.orchestrator.tree(self.rng.choice(self.roots))
        one = self.rng.choice(tree)
        door = self.stage.orchestrator
        orders: list[Callable[[], None]] = [
            lambda: door.stop(one.command_id, "enough"),
            lambda: door.restart(one.command_id, "again"),
            lambda: door.skip(one.command_id, "without it"),
            lambda: door.resolve(one.command_id, self._verdict(one), "I saw it"),
        ]
        with suppress(ConflictError):  # it says no to what is not sensible
            self.rng.choice(orders)()

    def _verdict(self, stuck: CommandEntity) -> Outcome:
        if stuck.phase is Phase.END:  # what the operator says then is not checked against its parts
            return stuck.outcome or Outcome.SUCCEEDED
        return self.rng.choice(tuple(Outcome))

    # --- the end ---------------------------------------------------------------------------------

    def calm_down(self) -> None:
        """Nothing goes wrong any more, and operators settle what needs them: everything must end."""
        self.diary.moody = False
        while self.zombies:
            self.wake_zombie()
        for _ in range(CALM_TURNS):
            self.stage.turn(timedelta(seconds=61))
            commands = self.all()
            for one in commands:
                if one.status is Status.NEEDS_ATTENTION:
                    self._settle(one)
            for task in self.stage.store.open_tasks("outside", "here"):
                self.outside.says(task.request["name"], TaskStatus.SUCCEEDED)
            if all(one.status.is_final for one in self.all() if one.is_root):
                break

    def _settle(self, stuck: CommandEntity) -> None:
        again = stuck.phase in (Phase.END, Phase.COMPENSATE, Phase.START_COMPENSATE)
        if again and self.rng.random() < 0.5:
            self.stage.orchestrator.restart(stuck.command_id, "settled")
        elif stuck.phase is Phase.EXECUTE:
            outcome = self.rng.choice([*Outcome])
            self.stage.orchestrator.resolve(stuck.command_id, outcome, "settled")
        else:
            self.stage.orchestrator.skip(stuck.command_id, "settled")

    def all(self) -> list[CommandEntity]:
        """Gives all commands there are."""
        return [one for root in self.roots for one in self.stage.orchestrator.tree(root)]

    # --- what must hold --------------------------------------------------------------------------

    def check(self) -> None:
        """Checks what holds at any moment."""
        commands = self.all()
        by_parent = defaultdict(list)
        for one in commands:
            by_parent[one.parent_id].append(one)
        for one in commands:
            parts = by_parent[one.command_id]
            if one.status.is_final:
                live = [part for part in parts if not part.status.is_final]
                assert not live, f"{one.label} is {one.status}; {live[0].label} {live[0].status}"
                assert one.worker_id is None
                assert one.wake_at is None
            assert one.pending >= 0
            is_due = one.status in (Status.BLOCKED, Status.READY, Status.DELAYED)
            begins = is_due and one.phase is Phase.EXECUTE
            assert not (begins and one.stopping), f"{one.label} is {one.status}, and to be stopped"
            assert (one.status is Status.RUNNING) == (one.worker_id is not None)
            if one.status in (Status.READY, Status.DELAYED):
                assert one.wake_at is not None, f"{one.label} is {one.status} and nobody wakes it"
            if one.status is Status.NEEDS_ATTENTION:
                assert one.message
        assert not list(miscounted(commands))
        self._check_locks({one.command_id: one for one in commands})

    def _check_locks(self, commands: dict[str, CommandEntity]) -> None:
        held = defaultdict(list)
        for row in self.stage.store.locks():
            owner = commands[row.command_id]
            assert not owner.status.is_final, f"{owner.label} is {owner.status} and has {row.lock}"
            assert row.held or owner.status is Status.BLOCKED
            if row.held:
                held[row.lock.entity_id].append(owner)
        for owners in held.values():
            assert len({one.root_id for one in owners}) == 1

    def check_ended(self) -> None:
        """Checks what holds when all is over."""
        self.check()
        commands = self.all()
        assert all(one.status.is_final for one in commands), [
            (one.label, one.status, one.phase) for one in commands if not one.status.is_final
        ]
        assert self.stage.store.locks() == []
        by_id = {one.command_id: one for one in commands}
        for one in commands:
            root = by_id[one.root_id]
            if root.status is not Status.SUCCEEDED and one.verbs & Verbs.COMPENSATE:
                assert one.status in UNDONE, (
                    f"{one.label} is {one.status}; {root.label} {root.status}"
                )
            parent = by_id.get(one.parent_id or "")
            if parent is not None and parent.status is Status.SUCCEEDED and not one.best_effort:
                assert one.status in (Status.SUCCEEDED, Status.SKIPPED)
            self._check_history(one)
        self._check_tasks()

    def _check_history(self, command: CommandEntity) -> None:
        history = self.stage.store.history(command.command_id)
        at = history[0].path[0] if history else Status.PENDING  # as it was stored with its root
        assert at in STORED_AS, f"{command.label} was stored as {at}"
        attempts = 0
        for one in history:
            assert one.path[0] is at, f"{command.label}: {at} and then {one.path}"
            for step in zip(one.path, one.path[1:], strict=False):
                assert step in STEPS, f"{command.label}: {step} by {one.causes}"
            assert one.attempt in (attempts, attempts + 1)
            at, attempts = one.path[-1], one.attempt
        assert at is command.status

    def _check_tasks(self) -> None:
        self.stage.turn(timedelta(seconds=5))
        self.stage.turn(timedelta(seconds=5))
        left = self.stage.store.open_tasks("outside", "here")
        assert not left, f"{left[0].request} is {left[0].state}, {left[0].status}"
        started = list(self.outside.tasks)
        assert len(started) == len(self.outside.starts), "a task was started twice"


WEATHER: tuple[tuple[Callable[[World], None], int], ...] = (
    (World.run, 40), (World.tick, 10), (World.hear, 12), (World.crash, 6), (World.fall_silent, 3),
    (World.wake_zombie, 3), (World.lose, 2), (World.double, 3), (World.flush, 1),
    (World.operate, 4), (World.submit, 1),
)  # fmt: skip
CALM: tuple[tuple[Callable[[World], None], int], ...] = tuple(
    (what, weight) for what, weight in WEATHER if what is not World.operate
)


def live_through(world: World, moments: int, *, operators: bool = True) -> None:
    """Lets so many things happen, then calms down and checks that all has ended as it must."""
    happenings, weights = zip(*(WEATHER if operators else CALM), strict=True)
    world.submit()
    for _ in range(moments):
        world.rng.choices(happenings, weights)[0](world)
        world.check()
    world.calm_down()
    world.check_ended()
