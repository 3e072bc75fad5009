"""Whether the promises were kept: what is lost, doubled, illegal, or missing from the feed."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from orchestrator.app import Orchestrator
from orchestrator.core.entity import Transition
from orchestrator.core.machine import STEPS
from orchestrator.core.status import FINAL
from orchestrator.store.tables import event
from tests.chaos.actors import Reader, Tree
from tests.chaos.installation import Installation


@dataclass(slots=True)
class Verdict:
    """The findings, by promise; empty lists are what we want."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    feed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def findings(self) -> list[str]:
        """Gives all of them."""
        return [*self.lost, *self.doubled, *self.illegal, *self.feed, *self.others]


def judge(front: Orchestrator, here: Installation, trees: list[Tree], reader: Reader) -> Verdict:
    """Looks through the finished store."""
    verdict = Verdict()
    for tree in trees:
        if tree.root_id is None:
            verdict.lost.append(f"{tree.key} was never accepted")
            continue
        for command in front.store.tree(tree.root_id):
            if command.status not in FINAL:
                verdict.lost.append(
                    f"{tree.key}: {command.label} {command.command_id} is {command.status}"
                    f" ({command.phase}, pending {command.pending}): {command.message}"
                )
    log = _log(front)
    verdict.illegal.extend(_illegal(log))
    verdict.feed.extend(_gaps(log, reader.seen))
    return verdict


def _log(front: Orchestrator) -> list[Transition]:
    from orchestrator.store import codec

    with front.store.engine.connect() as connection:  # type: ignore[attr-defined]
        rows = connection.execute(sa.select(event).order_by(event.c.seq)).all()
    return [codec.to_transition(row) for row in rows]


def _illegal(log: list[Transition]) -> list[str]:
    return [
        f"{one.command_id} went from {given} to {to} at event {one.seq}"
        for one in log
        for given, to in zip(one.path, one.path[1:], strict=False)
        if (given, to) not in STEPS
    ]


def _gaps(log: list[Transition], seen: list[Transition]) -> list[str]:
    wanted, found = [one.seq for one in log], [one.seq for one in seen]
    if wanted == found:
        return []
    missed = sorted(set(wanted) - set(found))
    doubled = len(found) - len(set(found))
    return [f"the feed missed {len(missed)} events (first: {missed[:5]}), doubled {doubled}"]
