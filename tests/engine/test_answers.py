"""Whatever a verb raises or returns: it can be stored, so it is called a bounded number of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator import AsyncTask, Command, Retry, Run, TryAgain, sequence
from orchestrator.core import event as ev
from orchestrator.core.errors import LONGEST, ContendedError, UnavailableError
from orchestrator.core.status import Phase, Status
from orchestrator.engine.answers import ASKED_AGAIN_IN, SHORTEST, wait_of
from orchestrator.engine.run import Running
from orchestrator.engine.writer import Request
from orchestrator.testing import Stage
from tests.engine.acts import FAILS
from tests.engine.conftest import Stages

TWICE = Retry(attempts=2, first=timedelta(seconds=1), jitter=0)


class Script:
    """What the verbs do, told by the test; counts their calls."""

    def __init__(self, **does: Callable[[], Any]) -> None:
        self.does, self.calls = does, dict.fromkeys(does, 0)

    def act(self, verb: str) -> Any:
        self.calls[verb] = self.calls.get(verb, 0) + 1
        return self.does[verb]() if verb in self.does else None


class Does(Command, kind="answers.does", retry=TWICE):
    def execute(self, script: Script) -> Any:
        return script.act("execute")


class Whole(Command, kind="answers.whole", retry=TWICE):
    def validate(self, script: Script) -> None:
        script.act("validate")

    def execute(self, script: Script) -> int:
        script.act("execute")
        return 7

    def end(self, script: Script) -> None:
        script.act("end")

    def compensate(self, script: Script) -> None:
        script.act("compensate")


class Own(BaseException):
    """No Exception at all."""


class MuteError(Exception):
    """Breaks when it is asked what it says."""

    def __str__(self) -> str:
        raise SystemExit(3)


class BlankError(Exception):
    """Says nothing, not even an empty text."""

    def __str__(self) -> Any:
        return None if self.args else self.args


def raises(problem: BaseException) -> Callable[[], Any]:
    def do() -> None:
        raise problem

    return do


def play(stages: Stages, command: Command, script: Script, turns: int = 20) -> tuple[Stage, Any]:
    stage = stages(Does, Whole, supplies=(script,))
    command_id = stage.submit(command)
    with capture_logs():
        stage.play()
        for _ in range(turns):
            stage.turn(timedelta(minutes=10))
    return stage, stage.orchestrator.get(command_id)


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (SystemExit(1), "SystemExit: 1"),
        (KeyboardInterrupt(), "KeyboardInterrupt: KeyboardInterrupt"),
        (asyncio.CancelledError(), "CancelledError: CancelledError"),
        (GeneratorExit(), "GeneratorExit: GeneratorExit"),
        (Own("mine"), "Own: mine"),
        (MuteError(), "MuteError: (its text cannot be read: SystemExit)"),
        (BlankError(), "BlankError: (its text cannot be read: TypeError)"),
    ],
)
def test_whatever_a_verb_raises_is_a_failed_try(
    stages: Stages, problem: BaseException, says: str
) -> None:
    script = Script(execute=raises(problem))

    _, ended = play(stages, Does(), script)

    assert (ended.status, ended.message, script.calls["execute"]) == (Status.FAILED, says, 2)


@pytest.mark.parametrize("verb", ["end", "validate"])
def test_that_is_so_of_every_verb(stages: Stages, verb: str) -> None:
    script = Script(**{verb: raises(Own())})

    _, ended = play(stages, Whole(), script)

    stuck = (Status.NEEDS_ATTENTION, 6) if verb == "end" else (Status.FAILED, 2)
    assert (ended.status, script.calls[verb]) == stuck


def nest(depth: int) -> Any:
    made: Any = 0
    for _ in range(depth):
        made = [made]
    return made


def counting() -> Iterator[int]:
    yield 1


async def waiting() -> int:
    return 1


def task(**fields: Any) -> Callable[[], AsyncTask[Any]]:
    given = {"system": "outside", "scope": "here", "verb": "work", "request": {"name": "w"}}
    return lambda: AsyncTask(**{**given, **fields})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (object, "returned from execute what cannot be stored"),
        (lambda: nest(300), "returned from execute what cannot be stored"),
        (lambda: nest(253), "could not be stored|what cannot be stored"),
        (lambda: "\x00", "returned from execute what cannot be stored"),
        (counting, "execute of answers.does returned a generator, which nobody runs"),
        (waiting, "execute of answers.does returned a coroutine, which nobody runs"),
        (task(request={"name": object()}), "a task whose request cannot be stored"),
        (task(request=[1]), "a task whose request is list, not Mapping"),
        (task(request={"deep": nest(300)}), "a task whose request cannot be stored"),
        (task(scope=None), "a task whose scope is NoneType, not str"),
        (task(scope="\x00"), "a task whose scope cannot be stored"),
        (task(system="nowhere"), "there is no such adapter"),
        (task(timeout=5), "a task whose timeout is 5; it is a timedelta above zero"),
        (task(timeout=timedelta(seconds=-1)), "it is a timedelta above zero"),
        (task(lease=float("nan")), "a task whose lease is nan"),
        (task(when_silent="loud"), "a task whose when_silent is 'loud'; it is one of"),
    ],
)
def test_an_answer_that_cannot_be_stored_is_no_endless_loop(
    stages: Stages, answer: Callable[[], Any], says: str
) -> None:
    script = Script(execute=answer)

    stage, ended = play(stages, Does(), script)

    if ended.status is Status.SUCCEEDED:  # some stores take more than others
        assert answer() == stage.store.value(ended.command_id)
        return
    assert ended.status is Status.FAILED
    assert any(one in (ended.message or "") for one in says.split("|")), ended.message
    assert script.calls["execute"] <= 2


@pytest.mark.parametrize("name", ["timeout", "lease"])
def test_a_wait_past_the_end_of_the_calendar_is_cut(stages: Stages, name: str) -> None:
    script = Script(execute=task(**{name: timedelta.max}))

    stage, waits = play(stages, Does(), script, turns=1)

    assert waits.status is Status.WAITING
    (stored,) = stage.orchestrator.tasks([waits.command_id])
    assert stored.lease_s in (None, LONGEST.total_seconds())


@pytest.mark.parametrize(
    ("after", "waits"),
    [
        (5, timedelta(seconds=5)),
        (1e300, LONGEST),
        (timedelta.max, LONGEST),
        (timedelta(seconds=-1), SHORTEST),
        (timedelta(0), SHORTEST),
        (-1, SHORTEST),
        (float("nan"), ASKED_AGAIN_IN),
        (None, ASKED_AGAIN_IN),
        ("soon", ASKED_AGAIN_IN),
    ],
)
def test_try_again_waits_for_what_can_be_waited_for(
    stages: Stages, after: Any, waits: timedelta
) -> None:
    problem = TryAgain("busy", after=after)
    script = Script(execute=raises(problem))

    stage, waiting_one = play(stages, Does(), script, turns=0)

    assert wait_of(problem)[0] == waits
    assert waiting_one.status is Status.DELAYED
    assert waiting_one.wake_at - stage.clock.now() <= waits
    assert (waiting_one.message or "").startswith("busy")


def test_an_outcome_that_the_store_refuses_is_a_failed_try(stage: Stage) -> None:
    """Whatever gets past the boundary: `write` raises, and the reason is stored instead."""
    stage = Stage([Does], [script := Script(), *stage.catalog.supplies], store=stage.store)
    command_id = stage.submit(Does())
    called = stage.runner.caller.call

    def call(*given: Any, **named: Any) -> Request:
        request = called(*given, **named)
        request.work = lambda _unit: raises(RuntimeError("no room"))()
        return request

    stage.runner.caller.call = call  # type: ignore[method-assign]
    with capture_logs():
        for _ in range(5):
            stage.turn(timedelta(minutes=1))

    failed = stage.orchestrator.get(command_id)
    assert (failed.status, script.calls["execute"]) == (Status.FAILED, 2)
    assert failed.message == "what came of execute could not be stored: RuntimeError: no room"


class Makes(Command, kind="answers.makes"):
    def execute(self) -> int:
        return 7


class Asks(Command, kind="answers.asks"):
    """Each of its verbs reads what another part returned."""

    def validate(self, number: int) -> None: ...
    def execute(self, number: int) -> None: ...
    def end(self, number: int) -> None: ...
    def compensate(self, number: int) -> None: ...


class PlansLate(Command, kind="answers.plans_late"):
    def plan(self, number: int) -> Any:
        return sequence(Asks())


class Fails(Command, kind="answers.fails"):
    def execute(self) -> None:
        raise FAILS


class All(Command, kind="answers.all"):
    fails: bool

    def plan(self) -> Any:
        return sequence(Makes(), PlansLate(), *((Fails(),) if self.fails else ()))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("away", [UnavailableError("away"), ContendedError("busy")])
def test_a_moment_without_the_database_while_inputs_are_read_is_no_verdict(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, away: Exception, fails: bool
) -> None:
    stage = stages(Makes, Asks, PlansLate, Fails, All)
    read, met = stage.store.values, set[tuple[str, Phase, int]]()

    def values(ids: Any) -> Any:
        (now,) = [one for one in tree() if one.status is Status.RUNNING]
        place = (now.command_id, now.phase, now.attempt)
        if not any(one[:2] == place[:2] for one in met):
            met.add(place)
            raise away
        return read(ids)

    def tree() -> Any:
        return stage.orchestrator.tree(root)

    root = stage.submit(All(fails=fails))
    monkeypatch.setattr(stage.store, "values", values)
    for _ in range(30):
        stage.turn(timedelta(seconds=2))

    assert {one[1] for one in met} >= {Phase.EXECUTE, Phase.END}
    assert (Phase.COMPENSATE in {one[1] for one in met}) is fails
    assert stage.orchestrator.get(root).status is (Status.FAILED if fails else Status.SUCCEEDED)
    assert all(one.tries == 0 for one in tree() if one.kind != "answers.fails")


def test_an_adapter_that_says_unavailable_is_asked_again(stages: Stages, outside: Any) -> None:
    script = Script(execute=task())
    outside.troubles["w"] = [UnavailableError("away")] * 10

    stage, waits = play(stages, Does(), script)

    assert (waits.status, waits.tries) == (Status.WAITING, 0)
    assert outside.starts == ["w"]
    assert len(stage.orchestrator.tasks([waits.command_id])) == 1


class Hangs(Command, kind="answers.hangs", timeout=timedelta(seconds=1)):
    def execute(self, run: Run) -> None: ...


@pytest.mark.parametrize("lost", ["read", "write"])
def test_a_verb_past_its_timeout_is_fenced_although_the_database_was_away(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    stage = stages(Hangs)
    command_id = stage.submit(Hangs())
    wanted = Request(command_id, worker_id="stage", kinds=frozenset(stage.catalog.kinds))
    stage.writer.write(wanted)
    stage.runner.running[command_id, 1] = Running(command_id, 1, began=0.0, expires=1.0)
    away = raises(UnavailableError("away"))
    place, name = (stage.store, "get") if lost == "read" else (stage.writer, "write")
    with monkeypatch.context() as patch:
        patch.setattr(place, name, lambda *_: away())
        with pytest.raises(UnavailableError):
            stage.runner.fence_expired()

    stage.runner.fence_expired()

    fenced = stage.orchestrator.get(command_id)
    assert (fenced.status, fenced.message) == (Status.FAILED, "execute ran past its timeout")
    assert stage.runner.fence_expired() == 0


def test_a_fenced_verb_that_comes_back_leaves_its_successor_watched(stage: Stage) -> None:
    """Both run in one process: the one that ends must not take the other off the watch."""
    seen: list[list[int]] = []

    class Again(Command, kind="answers.again", retry=Retry(attempts=2, first=timedelta(0))):
        def execute(self, run: Run) -> None:
            if run.attempt == 1:
                inner.writer.write(Request(run.command_id, ev.Failed(1, "late", timedelta(0))))
                inner.reconciler.tick()
                inner.runner.run(run.command_id)
            seen.append([one.attempt for one in inner.runner.running.values()])

    inner = Stage([Again], store=stage.store)
    inner.submit(Again())
    inner.play()

    assert seen == [[1, 2], [1]]
