"""The simulator answers as a real Gluster of three nodes was recorded to answer."""

from __future__ import annotations

import difflib

import pytest

from tests.adapters.gluster.nodes import NODES, real_nodes
from tests.adapters.gluster.recording import Answered, read_recorded, record
from tests.adapters.gluster.simulated import Simulated


def as_text(answers: list[Answered]) -> list[str]:
    """Gives answers as lines that can be compared."""
    lines = []
    for one in answers:
        lines += [f"$ gluster {one['request']}", f"exit {one['code']}"]
        lines += [f"out {line}" for line in one["stdout"]]
        lines += [f"err {line}" for line in one["stderr"]]
    return lines


def differences(answers: list[Answered]) -> str:
    recorded = read_recorded()
    assert len(recorded) >= 70
    return "\n".join(difflib.unified_diff(as_text(recorded), as_text(answers), "recorded", "now"))


def test_the_simulator_answers_as_recorded(cluster: Simulated) -> None:
    for node in NODES:
        (cluster.folder / "bricks" / node).mkdir()
    answers = record(lambda words: cluster.run_exactly(*words), str(cluster.folder / "bricks"))

    assert differences(answers) == ""


@pytest.mark.real
def test_the_real_one_still_answers_as_recorded() -> None:
    with real_nodes() as nodes:
        answers = record(
            lambda words: nodes.run("gluster", "--mode=script", *words, node="n1", check=False),
            str(nodes.folder),
        )

    assert differences(answers) == ""
