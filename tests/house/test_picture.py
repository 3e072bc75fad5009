"""The picture of the states in the documentation is the one that the table draws."""

from __future__ import annotations

from pathlib import Path

from orchestrator.monitor.picture import draw

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_picture_of_the_states_is_drawn_from_the_table() -> None:
    assert PAGE.read_text() == draw(), (
        "run `python -m orchestrator.monitor.picture > docs/states.md`"
    )
