"""Says what was wrong with a play once all is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.checker import check, read_log
from tests.model.oracle import judge
from tests.model.trials import settled_by_nobody
from tests.simulation.places import taken_for_dead
from tests.simulation.scenery import OUTSIDE, WORLD

if TYPE_CHECKING:
    from tests.simulation.play import Play


def verdict(play: Play) -> Iterator[str]:
    """Gives a line for everything that was wrong; nothing when all was right."""
    trees = play.crowd.trees
    yield from OUTSIDE.wrong(play.store)
    yield from check(
        play.store,
        roots=[tree.root for tree in trees if tree.root],
        effects=WORLD.ledger(),
        feed=play.crowd.feed,
        running_outside=OUTSIDE.running(),
        on_one_clock=True,
    )
    for tree in trees:
        if tree.root is None:
            yield f"tree {tree.key} could not be submitted"
            continue
        yield from judge(
            tree.plan,
            play.store.tree(tree.root),
            tree.actions,
            deadline=tree.deadline is not None,
            deaths=play.deaths,
        )
    log = read_log(play.store)
    yield from taken_for_dead(log, play.known_processes)
    stopped = {one.command_id for tree in trees for one in tree.actions if one.verb == "stop"}
    yield from settled_by_nobody(log, stopped)
