"""A vendor is asked to undo what it did; where it cannot, the view says so."""

from __future__ import annotations

import pytest

from orchestrator import Command, Plan, Refused, TaskStatus, external, sequence
from orchestrator.core.status import Status
from orchestrator.engine.vendor_claim import VendorClaim
from orchestrator.engine.vendor_report import VendorReport
from orchestrator.monitor.external import state_of
from orchestrator.testing import Stage
from tests.engine.conftest import Stages


class Refusing(Command, kind="vendors.refusing"):
    """Cannot be done."""

    def execute(self) -> None:
        raise Refused("the disk is on fire")


class CloneThenFail(Command, kind="vendors.clone_then_fail"):
    """A vendor's clone, and a part of ours that fails after it."""

    can_undo: bool

    def plan(self) -> Plan:
        clone = external("acme", "Clone it", topic="clone", can_undo=self.can_undo)
        return sequence(clone, Refusing())


@pytest.fixture
def stage(stages: Stages) -> Stage:
    return stages(CloneThenFail, Refusing)


def cloned(stage: Stage, *, can_undo: bool) -> tuple[str, str]:
    """Gives a command and its vendor's part, once that is done and the next has failed."""
    root = stage.submit(CloneThenFail(can_undo=can_undo))
    stage.play()
    clone = stage.orchestrator.tree(root)[1].command_id
    stage.report(clone, TaskStatus.SUCCEEDED)
    return root, clone


def test_a_vendor_that_can_is_asked_to_undo(stage: Stage) -> None:
    root, clone = cloned(stage, can_undo=True)
    claim = VendorClaim(vendor="acme", program="one", topics=("clone.undo",))

    (asked,) = stage.orchestrator.claim_external(claim)
    assert asked.command is not None
    assert asked.task is not None
    undoing = state_of(asked.command, asked.task)
    late = VendorReport(command_id=clone, vendor="acme", status=TaskStatus.FAILED, attempt=1)
    done = VendorReport(
        command_id=clone,
        vendor="acme",
        status=TaskStatus.SUCCEEDED,
        attempt=asked.task.attempt,
        claim=asked.task.claims,
    )
    refused, taken = stage.orchestrator.report_external([late, done])
    stage.play()

    assert (asked.command.command_id, undoing) == (clone, "undoing")
    assert refused.refused is not None
    assert taken.refused is None
    assert stage.orchestrator.get(clone).status is Status.COMPENSATED
    assert stage.orchestrator.get(root).status is Status.FAILED


def test_an_undo_that_fails_needs_attention(stage: Stage) -> None:
    root, clone = cloned(stage, can_undo=True)

    stage.report(clone, TaskStatus.FAILED, message="the snapshot is in use")

    assert stage.orchestrator.get(clone).status is Status.NEEDS_ATTENTION
    assert stage.orchestrator.get(root).status is Status.WAITING


@pytest.mark.parametrize("with_sub_task", [False, True])
def test_what_its_vendor_cannot_undo_says_that_it_was_not(
    stage: Stage, with_sub_task: bool
) -> None:
    root = stage.submit(CloneThenFail(can_undo=False))
    stage.play()
    clone = stage.orchestrator.tree(root)[1].command_id
    if with_sub_task:
        sub = stage.orchestrator.attach(clone, external("acme", "Sub"), owner="acme").id
        stage.play()
        stage.report(sub, TaskStatus.SUCCEEDED)

    stage.report(clone, TaskStatus.SUCCEEDED)

    parts = [one for one in stage.orchestrator.tree(root) if one.kind == "external"]
    assert stage.orchestrator.get(root).status is Status.FAILED
    assert len(parts) == 1 + with_sub_task
    for part in parts:
        assert part.status is Status.SUCCEEDED
        assert part.message is not None
        assert part.message.startswith("not undone")
