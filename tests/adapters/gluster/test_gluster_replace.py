"""Replacing a brick: not while its replicas are away, nor while a heal is under way."""

from __future__ import annotations

import pytest

from adapters.gluster.commands import ReplaceBrick
from orchestrator import Refused
from tests.adapters.gluster.simulated import Simulated


def replace(cluster: Simulated, old: str, new: str) -> None:
    command = ReplaceBrick(volume="v", old=cluster.brick(old), new=cluster.brick(new))
    command.execute(cluster.gluster())


def test_a_brick_in_order_is_not_replaced_while_entries_are_to_be_healed(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 3, replica_count=3)
    cluster.switch(freeze=True)  # of the heal
    replace(cluster, "b0", "n0")

    with pytest.raises(Refused, match="still to be healed"):
        replace(cluster, "b1", "n1")

    assert cluster.brick("b1") in cluster.gluster().volume_info("v").bricks


def test_a_brick_is_not_replaced_while_its_replica_is_away(cluster: Simulated) -> None:
    cluster.seed("v", 4, replica_count=2)
    cluster.switch(away_bricks=[cluster.brick("b1")])

    with pytest.raises(Refused, match=r"its replica .*b1 is not connected"):
        replace(cluster, "b0", "n0")
    replace(cluster, "b2", "n2")  # b1 is no replica of it


def test_a_brick_that_is_away_is_replaced_with_entries_waiting_for_it(cluster: Simulated) -> None:
    cluster.seed("v", 3, replica_count=3)
    cluster.switch(away_bricks=[cluster.brick("b0")], pending_bricks=[cluster.brick("b1")])

    replace(cluster, "b0", "n0")

    assert cluster.brick("n0") in cluster.gluster().volume_info("v").bricks
