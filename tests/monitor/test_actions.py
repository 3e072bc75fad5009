"""What an operator is offered is what the engine allows."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from orchestrator import Command
from orchestrator.core.entity import CommandEntity, NewCommand, Payload
from orchestrator.core.errors import ConflictError
from orchestrator.core.ids import part_id, root_id
from orchestrator.core.status import Outcome, Phase, Status
from orchestrator.monitor.actions import actions
from orchestrator.testing import Stage

ROOT = root_id(7)
VERBS = ("stop", "restart", "skip", "clear", "resolve")
# Statuses in which a command is past any verb, or that other phases than these do not go with.
SITUATIONS = list(itertools.product(Status, Phase, (True, False)))


class Thing(Command, kind="test.thing"):
    """Is there."""

    def execute(self) -> None: ...


def stored(status: Status, phase: Phase, *, is_root: bool) -> tuple[Stage, str]:
    stage = Stage((Thing,))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    root = CommandEntity(
        ROOT, ROOT, None, "test.thing", 1, "", status=Status.WAITING, parts=1, created_at=at
    )
    subject = root._replace(status=status, phase=phase, parts=0, pending=1, start_time=at)
    if not is_root:
        subject = subject._replace(command_id=part_id(ROOT, 1), parent_id=ROOT)
    entities = [subject] if is_root else [root, subject]
    with stage.store.begin() as tx:
        tx.insert([NewCommand(one, Payload({})) for one in entities])
    return stage, subject.command_id


def is_allowed(stage: Stage, command_id: str, verb: str) -> bool:
    try:
        if verb == "resolve":
            stage.orchestrator.resolve(command_id, Outcome.SUCCEEDED, "because")
        else:
            getattr(stage.orchestrator, verb)(command_id, "because")
    except ConflictError:
        return False
    return True


@pytest.mark.parametrize(("status", "phase", "is_root"), SITUATIONS)
def test_the_offered_verbs_are_those_the_engine_takes(
    status: Status, phase: Phase, is_root: bool
) -> None:
    offered = []
    taken = []

    for verb in VERBS:
        stage, command_id = stored(status, phase, is_root=is_root)
        offered = actions(stage.orchestrator.get(command_id))
        if is_allowed(stage, command_id, verb):
            taken.append(verb)

    assert offered == taken
