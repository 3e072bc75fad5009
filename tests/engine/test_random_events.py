"""The machine alone: no worker, no verb. Any event may come at any time, late, twice, or under an old attempt."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchestrator import AsyncTask
from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.status import Outcome, Phase, Status
from orchestrator.engine.writer import Request
from tests.engine.world import World

WORKER = "w"
TREES = 3
AGES = st.sampled_from([0, 0, 0, -1])  # under the attempt of now, or the one before
WORDS = st.sampled_from(["done", "done", "done", "failed", "given up", "postponed", "died"])


class Events(RuleBasedStateMachine):
    """Some tree, and events for any of its commands, chosen by Hypothesis."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = World(seed, chance=0.0)
        self.world.submit()
        self.writer = self.world.stage.writer

    @rule(which=st.integers(0, 20))
    def claim(self, which: int) -> None:
        one = self._pick(which, Status.READY)
        if one is not None:
            kinds = frozenset(self.world.stage.catalog.kinds)
            self.writer.write(Request(one.command_id, worker_id=WORKER, kinds=kinds))

    @rule(which=st.integers(0, 20), what=WORDS, age=AGES)
    def say(self, which: int, what: str, age: int) -> None:
        self.claim(which)
        one = self._pick(which, Status.RUNNING)
        if one is not None:
            event = _event(what, one, age)
            is_late = age < 0 and not isinstance(event, ev.Abandoned)
            self._write(one.command_id, event, is_ignored=is_late)

    @rule(which=st.integers(0, 20), what=WORDS)
    def say_after_a_stop(self, which: int, what: str) -> None:
        self.claim(which)
        one = self._pick(which, Status.RUNNING)
        if one is not None and one.phase in (Phase.EXECUTE, Phase.START):
            self._write(one.command_id, ev.Stop(Outcome.STOPPED, "enough"))
            self.say(which, what, 0)

    @rule(which=st.integers(0, 20), what=WORDS, age=AGES)
    def say_out_of_turn(self, which: int, what: str, age: int) -> None:
        one = self._pick(which, *Status)
        if one is not None and one.status is not Status.RUNNING:
            self._write(one.command_id, _event(what, one, age), is_ignored=True)

    @rule()
    def hear(self) -> None:
        self.world.hear()
        self.world.stage.poller.tick()

    @rule(which=st.integers(0, 20))
    def wake(self, which: int) -> None:
        one = self._pick(which, Status.DELAYED) or self._pick(which, *Status)
        if one is not None:
            self._write(one.command_id, ev.Woken())

    @rule(now=st.sampled_from([True, False, False, False]))
    def operate(self, now: bool) -> None:
        if now:
            self.world.operate()

    @rule()
    def submit(self) -> None:
        if len(self.world.roots) < TREES:
            self.world.submit()

    @rule(seconds=st.sampled_from([0, 1, 70]))
    def pass_time(self, seconds: int) -> None:
        self.world.stage.clock.turn(timedelta(seconds=seconds))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.calm_down()
            self.world.check_ended()

    def _pick(self, which: int, *statuses: Status) -> CommandEntity | None:
        found = [one for one in self.world.all() if one.status in statuses]
        return found[which % len(found)] if found else None

    def _write(self, command_id: str, event: ev.Event, *, is_ignored: bool = False) -> None:
        before = self.world.stage.store.get(command_id)
        with suppress(ConflictError):  # the machine says no to what cannot be
            self.writer.write(Request(command_id, event))
        if is_ignored:
            assert self.world.stage.store.get(command_id) == before


def _event(what: str, one: CommandEntity, age: int) -> ev.Event:
    """Gives what a worker may say of a command, or could have under an earlier attempt."""
    attempt = one.attempt + age
    starts = one.phase in (Phase.START, Phase.START_COMPENSATE)
    match what:
        case "done" if starts:  # to start something outside takes more than a word
            return ev.Postponed(attempt, "busy", timedelta(seconds=1))
        case "done" if one.kind == "work" and one.phase in (Phase.EXECUTE, Phase.COMPENSATE):
            task: AsyncTask[None] = AsyncTask(
                system="outside", scope="here", verb="work", request={"name": one.label}
            )
            return ev.Suspended(attempt, task)
        case "done":
            return ev.Done(attempt)
        case "failed":
            return ev.Failed(attempt, "broken", timedelta(seconds=1))
        case "given up":
            return ev.Failed(attempt, "broken")
        case "postponed":
            return ev.Postponed(attempt, "busy", timedelta(seconds=1))
        case _:
            return ev.Abandoned(WORKER)


Events.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
test_whatever_event_comes_every_tree_ends_as_it_must = Events.TestCase
