"""One day's work ends the same on every store, fused or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator import TaskStatus
from orchestrator.core.ports import Store
from orchestrator.core.status import Status
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, FAILS, POLL, Diary, Group, Outside, Stubborn

HOUR = timedelta(hours=1)
ENDINGS = {
    "a plain day": Status.SUCCEEDED,
    "a failure at best effort": Status.SUCCEEDED,
    "a failure midway": Status.FAILED,
    "a failure after work outside": Status.FAILED,
    "stopped at noon": Status.STOPPED,
    "waits for the plain day": Status.SUCCEEDED,
    "tried three times": Status.SUCCEEDED,
}


@pytest.mark.parametrize("fusion", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
def test_a_days_work_ends_the_same_everywhere(
    request: pytest.FixtureRequest, kind: str, *, fusion: bool
) -> None:
    store: Store = MemoryStore()
    if kind != "memory":
        store = SqlStore(make_engine(request.getfixturevalue(f"{kind}_url")))
    diary, outside = Diary(), Outside()
    stage = Stage(COMMANDS, (diary, outside), store=store, fusion=fusion)

    ids = live_the_day(stage, diary, outside)

    assert {name: stage.orchestrator.get(one).status for name, one in ids.items()} == ENDINGS
    assert diary.notes.count("undo m1") == 1
    assert diary.notes.index("undo m2") < diary.notes.index("undo m1")
    assert diary.notes.index("do w1") > diary.notes.index("end a plain day succeeded")
    assert diary.notes.count("do tried three times") == 3
    assert sorted(outside.starts) == ["long", "moved", "undo moved"]
    assert stage.store.locks() == []
    if isinstance(store, SqlStore):
        store.close()


def live_the_day(stage: Stage, diary: Diary, outside: Outside) -> dict[str, str]:
    """Submits everything, lets the outside do its part, and waits for the evening."""
    diary.trouble("do b2", FAILS)
    diary.trouble("do m3", FAILS)
    diary.trouble("do o2", FAILS)
    diary.trouble("do tried three times", RuntimeError("one"), RuntimeError("two"))
    shapes = {
        "a plain day": ["seq", "p1", ["par", "p2", ["seq", "p3", "p4"]], ["group", "inner", "p5"]],
        "a failure at best effort": ["seq", "b1", ["best", ["seq", "b2", "b3"]], "b4"],
        "a failure midway": ["seq", "m1", ["par", "m2", "m4"], "m3", "m5"],
        "a failure after work outside": ["seq", "o1", ["work", "moved"], "o2"],
        "stopped at noon": ["seq", "s1", ["work", "long"], "s2"],
        "waits for the plain day": ["seq", "w1"],
    }
    things = {"a plain day": ("desk",), "waits for the plain day": ("desk",)}
    ids = {
        name: stage.submit(Group(name=name, shape=shape, exclusive=things.get(name, ())))
        for name, shape in shapes.items()
    }
    ids["tried three times"] = stage.submit(Stubborn(name="tried three times"))
    stage.play()
    stage.orchestrator.stop(ids["stopped at noon"], "lunch")
    for name in ("moved", "undo moved"):
        outside.says(name, TaskStatus.SUCCEEDED)
    for _ in range(4):
        stage.turn(POLL)
    for _ in range(3):
        stage.turn(HOUR)
    return ids
