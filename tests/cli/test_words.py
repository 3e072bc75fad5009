"""How statuses, times and bars read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.cli.exits import CliError
from orchestrator.cli.words import LOOKS, age, bar, brief, clock, look, read_duration
from orchestrator.core.status import Status


def test_every_status_has_a_symbol_of_its_own_or_shares_it_with_its_like() -> None:
    assert set(LOOKS) == set(Status)
    assert look("a status of a newer server").symbol == "·"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.96, "10.0s"),
        (36, "36s"),
        (188, "3m 08s"),
        (7500, "2h 05m"),
        (1e5, "1d 03h"),
    ],
)
def test_a_length_of_time_has_two_units(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90", timedelta(seconds=90)),
        ("0.5s", timedelta(seconds=0.5)),
        ("1h30m", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
    ],
)
def test_lengths_of_time_are_read_as_people_write_them(text: str, length: timedelta) -> None:
    assert read_duration(text) == length


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "h", "5x"])
def test_other_words_are_no_length_of_time(text: str) -> None:
    with pytest.raises(CliError, match="no length of time"):
        read_duration(text)


def test_an_age_has_one_unit() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)

    assert age("2026-01-01T23:43:00+00:00", now) == "17m"
    assert age("2026-01-01T23:59:59.5+00:00", now) == "0s"


def test_a_bar_tells_done_from_open_without_colour() -> None:
    assert bar(0.5, 8, "blue").plain == "━━━━────"
    assert bar(None, 4, "blue").plain == "────"


def test_only_uuids_are_cut() -> None:
    text = "Copy 3c0f7945-da75-52fe-88de-2d85ff2ec9be to vm-003-fast"

    assert brief(text) == "Copy 3c0f7945… to vm-003-fast"
