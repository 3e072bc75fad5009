"""The demo's play: what it submits, stops, breaks and finds wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.demo import MainScenario
from orchestrator.cli.console import Json
from orchestrator.cli.demo.play import Play, Result
from orchestrator.cli.demo.scenario import Trial, find_scenario
from orchestrator.cli.exits import CliError
from orchestrator.cli.server import Server
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.testing import FakeVendors, Stage
from tests.api.served import Served
from tests.cli.conftest import playing


@dataclass(frozen=True, kw_only=True)
class OneTrial:
    """A trial on the served kinds."""

    title: str = "a trial"
    kind: str = "test.note"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    owner: str = "alice"
    ending: str = "succeeded"
    stop_at: float | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    passes: Sequence[str] = ()
    look: Callable[[], list[str]] = list

    def faults(self) -> list[str]:
        return self.look()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scenario of such trials."""

    trials: tuple[OneTrial, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    vdsm_speed: float = 1.0

    def seed(self) -> None:
        """Needs nothing."""

    def players(self, url: str, token: str) -> Mapping[str, Sequence[str]]:
        return {}


class Hall:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.news: list[str] = []

    def see(self, played: list[tuple[Trial, Json]]) -> None:
        """Looks away."""

    def hear(self, news: str) -> None:
        self.news.append(news)


def play(
    house: Served, token: str, *trials: OneTrial, timeout_s: float = 60
) -> tuple[list[Result], list[str]]:
    hall = Hall()
    with Server(house.url, token) as server, playing(house.stage):
        scene = Scene(trials=trials)
        results = Play(server, scene, hall, lambda: "struck").run(timeout_s)
    return results, hall.news


def test_what_ends_as_it_must_has_no_faults_and_mischief_was_done(
    house: Served, token: str
) -> None:
    results, news = play(
        house,
        token,
        OneTrial(),
        OneTrial(kind="test.broken", ending="failed", parts={"test.refuse": "failed"}),
        OneTrial(kind="test.wide", parameters={"width": 2}, passes=("waiting",)),
    )

    assert [result.faults for result in results] == [(), (), ()]
    assert [result.attempts for result in results] == [1, 2, 4]
    # All may have ended before anyone looked; then there was nothing to strike at.
    assert news in (["struck"], [])


def test_every_difference_is_a_fault(house: Served, token: str) -> None:
    (result,), _ = play(
        house,
        token,
        OneTrial(
            kind="test.broken",
            parts={"test.refuse": "compensated", "test.absent": "succeeded"},
            passes=("blocked",),
            look=lambda: ["a file is missing"],
        ),
    )

    assert [fault.partition(" and should")[0] for fault in result.faults] == [
        f"it failed ({result.command['message']}),",
        "its parts test.refuse are failed,",
        "its parts test.absent are absent,",
        "it was never blocked",
        "a file is missing",
    ]


def test_the_operator_stops_what_is_to_be_stopped(
    house: Served, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeVendors, "stop", lambda *_: None)
    trial = OneTrial(
        kind="test.guarded", parameters={"vm": "stopped"}, ending="stopped", stop_at=0.3
    )

    with pytest.raises(CliError, match="have not ended"):  # its vendor never answers the stop
        play(house, token, trial, timeout_s=2)

    (command,) = house.stage.orchestrator.commands(CommandQuery(text="Guard stopped")).items
    assert command.stopping == "stopped"


def test_a_play_that_does_not_end_names_what_has_not_ended(
    house: Served, token: str, stage: Stage
) -> None:
    trial = OneTrial(kind="test.guarded", title="waits for ever", parameters={"vm": "for ever"})

    with pytest.raises(CliError, match=r"\(waits for ever\) is waiting"):
        play(house, token, trial, timeout_s=1)


def test_the_main_scenario_shows_what_it_promises(tmp_path: Path) -> None:
    scenario = find_scenario("main")(tmp_path)
    trials = scenario.trials
    endings = {trial.ending for trial in trials}

    assert isinstance(scenario, MainScenario)
    assert len(trials) >= 12
    assert {"succeeded", "failed", "stopped"} <= endings <= {one.value for one in Status}
    assert any("blocked" in trial.passes for trial in trials)
    assert any("compensated" in trial.parts.values() for trial in trials)
    assert any(trial.stop_at is not None for trial in trials)
    assert any(trial.parameters.get("vendor") for trial in trials)


def test_before_anything_ran_no_file_is_as_it_must_be_in_the_end(tmp_path: Path) -> None:
    scenario = MainScenario(tmp_path)
    scenario.seed()

    silent = [trial.title for trial in scenario.trials if not trial.faults()]

    # What must be unchanged is so from the start, and a job without files has none to look at.
    assert silent == [
        "fail midway, undo all",
        "stopped by the operator",
        "a job of the vendor's own",
        "files that cannot move keep the brick",
    ]
