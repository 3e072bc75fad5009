"""Supply by type: what earlier parts returned, lists of it, what is missing; plans that ask."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import BaseModel

from orchestrator import (
    AsyncTask,
    Command,
    Outcome,
    Plan,
    Run,
    TaskStatus,
    best_effort,
    parallel,
    sequence,
)
from orchestrator.core.errors import BadInputError
from orchestrator.core.plan import Part
from orchestrator.core.status import Status
from tests.engine.acts import FAILS, POLL, Diary, Outside
from tests.engine.conftest import Stages


class Disk(BaseModel):
    """What some parts return."""

    name: str


class Size(BaseModel):
    """What others return."""

    size_bytes: int


class MakeDisk(Command, kind="make_disk", label="{name}"):
    name: str

    def execute(self, diary: Diary) -> Disk:
        diary.write(f"make {self.name}")
        return Disk(name=self.name)

    def compensate(self, disk: Disk, diary: Diary) -> None:
        diary.write(f"unmake {disk.name}")


class Measure(Command, kind="measure"):
    """Asks for what the part before it returned."""

    def execute(self, disk: Disk) -> Size:
        return Size(size_bytes=len(disk.name))


class Count(Command, kind="count"):
    """Asks for all that the parts before it returned."""

    def execute(self, disks: list[Disk], diary: Diary) -> None:
        diary.write(",".join(sorted(one.name for one in disks)))


class Maybe(Command, kind="maybe"):
    """Asks for what may not be there."""

    def execute(self, diary: Diary, disk: Disk | None) -> None:
        diary.write(f"disk {disk.name if disk else None}")


class OneEach(Command, kind="one_each"):
    """Plans one part for each byte of what an earlier part returned."""

    fails: bool = False

    def plan(self, size: Size) -> Plan:
        if self.fails:
            raise FAILS
        return sequence(
            parallel(MakeDisk(name=f"part {one}") for one in range(size.size_bytes)), Count()
        )

    def end(self, outcome: Outcome, disks: list[Disk], diary: Diary) -> None:
        diary.write(f"end {outcome} {len(disks)}")


class CopyOutside(Command, kind="copy_outside"):
    """Returns what the outside system found."""

    def execute(self) -> AsyncTask[Disk]:
        return AsyncTask(system="outside", scope="here", verb="copy", request={"name": "copy"})


class Anything(Command, kind="anything"):
    """A plan that the test writes, by the names of parts."""

    parts: tuple[str, ...]
    mode: str = "sequence"

    def plan(self) -> Plan:
        made: dict[str, Part] = {
            "measure": Measure(),
            "count": Count(),
            "maybe": Maybe(),
            "one_each": OneEach(),
            "planless": OneEach(fails=True),
            "copy": CopyOutside(),
            "who": WhoAmI(),
            "try disk": best_effort(MakeDisk(name="tried")),
            "two": parallel(MakeDisk(name="first"), MakeDisk(name="second")),
        }
        parts = [made.get(one) or MakeDisk(name=one) for one in self.parts]
        return sequence(parts) if self.mode == "sequence" else parallel(parts)


class WhoAmI(Command, kind="who"):
    """Asks for its circumstances."""

    def execute(self, run: Run, diary: Diary) -> None:
        diary.write(f"{run.owner} {run.correlation_id} {run.attempt} {run.command_id[14]}")


ALL = (MakeDisk, Measure, Count, Maybe, OneEach, CopyOutside, Anything, WhoAmI)


def test_a_part_gets_what_an_earlier_part_returned(stages: Stages) -> None:
    stage = stages(*ALL)

    done = stage.perform(Anything(parts=("abc", "measure")))

    measured = stage.orchestrator.tree(done.command_id)[-1]
    assert stage.orchestrator.value(measured.command_id) == {"size_bytes": 3}


def test_the_nearest_earlier_part_is_asked(stages: Stages) -> None:
    stage = stages(*ALL)

    done = stage.perform(Anything(parts=("abc", "abcdef", "measure")))

    measured = stage.orchestrator.tree(done.command_id)[-1]
    assert stage.orchestrator.value(measured.command_id) == {"size_bytes": 6}


def test_a_list_gets_what_all_of_a_parallel_returned(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)

    done = stage.perform(Anything(parts=("two", "count")))

    assert done.status is Status.SUCCEEDED
    assert diary.notes[-1] == "first,second"


@pytest.mark.parametrize(("fails", "said"), [(True, "disk None"), (False, "disk tried")])
def test_what_may_be_missing_is_none(
    stages: Stages, diary: Diary, *, fails: bool, said: str
) -> None:
    stage = stages(*ALL)
    if fails:
        diary.trouble("make tried", FAILS)

    done = stage.perform(Anything(parts=("try disk", "maybe")))

    assert done.status is Status.SUCCEEDED
    assert diary.notes[-1] == said


@pytest.mark.parametrize("parts", [("measure", "abc"), ("try disk", "measure")])
def test_an_ask_that_nothing_before_satisfies_is_refused(
    stages: Stages, parts: tuple[str, ...]
) -> None:
    stage = stages(*ALL)

    with pytest.raises(BadInputError, match="measure: execute asks for 'disk' \\(Disk\\)"):
        stage.submit(Anything(parts=parts))


def test_what_goes_on_beside_a_part_is_not_before_it(stages: Stages) -> None:
    stage = stages(*ALL)

    with pytest.raises(BadInputError, match="no part before it"):
        stage.submit(Anything(parts=("abc", "measure"), mode="parallel"))


def test_a_plan_that_asks_is_made_when_its_turn_comes(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)
    command_id = stage.submit(Anything(parts=("abc", "measure", "one_each", "xyz")))
    before = len(stage.orchestrator.tree(command_id))

    stage.play()

    tree = stage.orchestrator.tree(command_id)
    assert before == 5
    assert len(tree) == 5 + 5
    assert tree[0].status is Status.SUCCEEDED
    assert diary.notes.count("part 0,part 1,part 2") == 1
    assert diary.notes[-2:] == ["end succeeded 3", "make xyz"]


def test_parts_of_a_plan_that_asks_are_undone_like_others(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)
    diary.trouble("make xyz", FAILS)

    done = stage.perform(Anything(parts=("abc", "measure", "one_each", "xyz")))

    assert done.status is Status.FAILED
    assert sorted(diary.notes[-4:]) == [
        "unmake abc",
        "unmake part 0",
        "unmake part 1",
        "unmake part 2",
    ]
    assert diary.notes[-1] == "unmake abc"


def test_a_plan_that_raises_fails_its_command(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)

    done = stage.perform(Anything(parts=("abc", "measure", "planless")))

    assert done.status is Status.FAILED
    assert diary.notes[-1] == "unmake abc"


def test_a_restart_makes_a_plan_that_asks_anew(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)
    diary.trouble("make part 1", FAILS)
    failed = stage.perform(Anything(parts=("abc", "measure", "one_each")))
    assert failed.status is Status.FAILED

    stage.orchestrator.restart(failed.command_id, "mended")
    stage.play()

    tree = stage.orchestrator.tree(failed.command_id)
    assert tree[0].status is Status.SUCCEEDED
    assert {one.status for one in tree} == {Status.SUCCEEDED}
    assert len(tree) == 4 + 5


def test_what_the_outside_found_is_returned(stages: Stages, diary: Diary, outside: Outside) -> None:
    stage = stages(*ALL)
    command_id = stage.submit(Anything(parts=("copy", "measure")))
    stage.play()
    outside.says("copy", TaskStatus.SUCCEEDED, result={"name": "1234"})

    stage.turn(POLL)

    tree = stage.orchestrator.tree(command_id)
    assert tree[0].status is Status.SUCCEEDED
    assert stage.orchestrator.value(tree[1].command_id) == {"name": "1234"}
    assert stage.orchestrator.value(tree[2].command_id) == {"size_bytes": 4}


def test_a_run_says_who_and_how_often(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL)

    stage.perform(Anything(parts=("who",)), owner="alice", correlation_id="c-1")

    assert diary.notes == ["alice c-1 1 8"]


class AskingTwice(Command, kind="asking_twice"):
    """A wrong ask: a type that nobody gives."""

    def execute(self, when: datetime) -> None: ...


def test_an_impossible_ask_is_found_when_the_catalog_is_built(stages: Stages) -> None:
    with pytest.raises(Exception, match="asking_twice: execute asks for 'when' of type datetime"):
        stages(AskingTwice)


class Plain(Command, kind="plain"):
    """Its plan asks for a size, and its end for a disk that came before."""

    def plan(self, size: Size) -> Plan:
        return sequence(Maybe())

    def end(self, outcome: Outcome, disk: Disk, diary: Diary) -> None:
        diary.write(f"end {disk.name}")


class Around(Command, kind="around"):
    def plan(self) -> Plan:
        return sequence(MakeDisk(name="abc"), Measure(), Plain())


def test_an_end_may_ask_for_what_came_before_a_plan_that_asks(stages: Stages, diary: Diary) -> None:
    stage = stages(*ALL, Plain, Around)

    done = stage.perform(Around())

    assert done.status is Status.SUCCEEDED
    assert diary.notes[-1] == "end abc"
