"""Plays a scenario: submits all, stops some, strikes halfway, waits for the ends, judges them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from orchestrator.cli.console import Json
from orchestrator.cli.demo.scenario import Scenario, Trial
from orchestrator.cli.exits import CliError
from orchestrator.cli.server import Server
from orchestrator.cli.words import has_ended

LOOK_EVERY_S = 0.2
HALFWAY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a trial came out. `faults` is what is not as it must be: nothing, if all went well."""

    trial: Trial
    command: Json
    attempts: int
    faults: tuple[str, ...]


class Audience(Protocol):
    """Looks on while the commands go their ways."""

    def see(self, played: list[tuple[Trial, Json]]) -> None:
        """Takes all commands as they stand."""

    def hear(self, news: str) -> None:
        """Takes a sentence about what was done to them."""


class Play:
    """One performance. `mischief` does its harm and says what that was."""

    def __init__(
        self,
        server: Server,
        scenario: Scenario,
        audience: Audience,
        mischief: Callable[[], str],
    ) -> None:
        self._server = server
        self._trials = tuple(scenario.trials)
        self._audience = audience
        self._mischief: Callable[[], str] | None = mischief
        self._ids: list[str] = []
        self._stopped: set[str] = set()
        self._pause = threading.Event()

    def run(self, timeout_s: float) -> list[Result]:
        """Plays it to the end; raises CliError if that has not come after so many seconds."""
        self._ids = [self._submit(trial) for trial in self._trials]
        deadline = time.monotonic() + timeout_s
        while True:
            played = self._look()
            self._audience.see(played)
            if all(has_ended(command) for _, command in played):
                return [self._judge(trial, command) for trial, command in played]
            self._stop_some(played)
            if self._mischief is not None and _is_halfway(played):
                mischief, self._mischief = self._mischief, None
                self._audience.hear(mischief())
            if time.monotonic() > deadline:
                raise CliError(_unfinished(played, timeout_s))
            self._pause.wait(LOOK_EVERY_S)

    def _submit(self, trial: Trial) -> str:
        body = {"kind": trial.kind, "parameters": trial.parameters, "owner": trial.owner}
        return str(self._server.post("commands", body)["id"])

    def _look(self) -> list[tuple[Trial, Json]]:
        page = self._server.get("commands", limit=500)
        found = {command["id"]: command for command in page["items"]}
        return [
            (trial, found[command_id])
            for trial, command_id in zip(self._trials, self._ids, strict=True)
        ]

    def _stop_some(self, played: list[tuple[Trial, Json]]) -> None:
        for trial, command in played:
            if trial.stop_at is None or has_ended(command) or command["id"] in self._stopped:
                continue
            if (command["progress"] or 0.0) >= trial.stop_at:
                self._stopped.add(command["id"])
                self._server.post(f"commands/{command['id']}/stop", {"reason": "the demo says so"})
                self._audience.hear(f"the operator stopped {command['short_id']} ({trial.title})")

    def _judge(self, trial: Trial, command: Json) -> Result:
        faults = []
        if command["status"] != trial.ending:
            reason = f" ({command['message']})" if command["message"] else ""
            faults.append(f"it {command['status']}{reason}, and should have {trial.ending}")
        tree = list(_below(self._server.get(f"commands/{command['id']}/tree")))
        for kind, ending in trial.parts.items():
            endings = {part["status"] for part in tree if part["kind"] == kind}
            if endings != {ending}:
                shown = ", ".join(sorted(endings)) or "absent"
                faults.append(f"its parts {kind} are {shown}, and should be {ending}")
        passed = self._passed(command["id"]) if trial.passes else set()
        faults += [f"it was never {status}" for status in trial.passes if status not in passed]
        faults += trial.faults()
        return Result(
            trial=trial,
            command=command,
            attempts=sum(part["attempt"] for part in tree),
            faults=tuple(faults),
        )

    def _passed(self, command_id: str) -> set[str]:
        events = self._server.get(f"commands/{command_id}/events", limit=500)["items"]
        return {status for event in events for status in event["path"]}


def _below(tree: Json) -> Iterator[Json]:
    yield tree
    for part in tree["parts_list"]:
        yield from _below(part)


def _is_halfway(played: list[tuple[Trial, Json]]) -> bool:
    shares = [1.0 if has_ended(one) else one["progress"] or 0.0 for _, one in played]
    return sum(shares) / len(shares) >= HALFWAY


def _unfinished(played: list[tuple[Trial, Json]], timeout_s: float) -> str:
    left = [
        f"{one['short_id']} ({trial.title}) is {one['status']}: {one['message'] or 'no word'}"
        for trial, one in played
        if not has_ended(one)
    ]
    return f"after {timeout_s:g} s some commands have not ended:\n  " + "\n  ".join(left)
