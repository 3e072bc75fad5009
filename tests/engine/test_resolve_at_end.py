"""An operator says that a command failed whose parts had all succeeded."""

from __future__ import annotations

from datetime import timedelta

from orchestrator import Command, Outcome, Plan, sequence
from orchestrator.core.status import Status
from orchestrator.testing import Stage


class Built(Command, kind="resolving.part"):
    def execute(self) -> None: ...

    def compensate(self) -> None: ...


class Whole(Command, kind="resolving.whole"):
    def plan(self) -> Plan:
        return sequence(Built(), Built())

    def end(self, outcome: Outcome) -> None:
        if outcome is Outcome.SUCCEEDED:
            raise RuntimeError("the inventory is broken")


def test_a_command_resolved_as_failed_at_its_end_has_its_parts_undone() -> None:
    stage = Stage([Built, Whole])
    command_id = stage.submit(Whole())
    stage.play()
    for _ in range(10):
        stage.turn(timedelta(minutes=10))
    assert stage.orchestrator.get(command_id).status is Status.NEEDS_ATTENTION

    stage.orchestrator.resolve(command_id, Outcome.FAILED, "the inventory will not have it")
    stage.play()

    root, *parts = stage.orchestrator.tree(command_id)
    assert root.status is Status.FAILED
    assert {one.status for one in parts} == {Status.COMPENSATED}
