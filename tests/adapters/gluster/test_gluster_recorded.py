"""The simulator answers as a real Gluster of three nodes was recorded to answer."""

from __future__ import annotations

import difflib

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


def test_the_simulator_answers_as_recorded(cluster: Simulated) -> None:
    recorded = read_recorded()

    answers = record(lambda words: cluster.run_exactly(*words), str(cluster.folder / "bricks"))

    assert len(recorded) >= 70
    differing = difflib.unified_diff(as_text(recorded), as_text(answers), "real", "simulated")
    assert "\n".join(differing) == ""
