"""The faults that a test or an operator switches on: `faults.json` beside the cluster's state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = "faults.json"


class Faults:
    """What is to go wrong. Read at each request, and by the daemons before each file.

    `glusterd_down`    every request fails to connect
    `busy`             every request is told that another transaction is in progress
    `busy_volumes`     volumes whose lock is held: the list of all tasks leaves them out
    `away_bricks`      bricks that heal info cannot reach
    `pending_bricks`   bricks that have an entry to be healed
    `marks_fail`       a replaced brick is not marked as to be healed: heal info says 0 for ever
    `heals_fail`       walks of the self-heal daemon heal nothing, and count failures
    `healer_apart`     full walks do not reach the other bricks, and find nothing to do
    `no_healer`        the self-heal daemon does not run
    `fail_start`       a text: starts of tasks are refused with it
    `fail_commit`      a text: commits of removals are refused with it
    `lose_reply`       starts are carried out, and their reply is "Request timed out"
    `freeze`           daemons stand still, counters and all, until it is switched off
    `fail_files`       name patterns: moving such a file fails
    `done_but_failed`  tasks read failed although all was moved, as after a crash
    `failed_nodes`     hosts whose part of a task fails
    `full_bricks`      bricks (`host:/path`) that take no file
    `killed_daemon`    how the task of a daemon that was killed looks: "frozen" (default) or
    "failed"
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / _FILE
        try:
            self._set: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            self._set = {}

    def switch(self, **faults: Any) -> None:
        """Switches faults on, and off again with a false value; leaves the others alone."""
        self._set = {name: how for name, how in {**self._set, **faults}.items() if how}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._set))
        new.replace(self._path)

    def has(self, name: str) -> bool:
        """Whether the fault is on."""
        return bool(self._set.get(name))

    def text(self, name: str) -> str:
        """Gives the text that a fault was switched on with, or an empty one."""
        found = self._set.get(name)
        return found if isinstance(found, str) else ""

    def names(self, name: str) -> list[str]:
        """Gives the names or patterns that a fault was switched on with."""
        return [str(one) for one in self._set.get(name) or ()]
