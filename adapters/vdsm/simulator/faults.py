"""Faults on request: `faults.json`, read at each call, says what goes wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

EVERY_VERB = "*"


class Effect(StrEnum):
    """What a fault does: to the call, or to the work that the call began."""

    REFUSE = "refuse"  # answer with an error (`code`, default 99), do nothing
    SLOW_CALL = "slow_call"  # wait `seconds`, then go on
    LOSE_REPLY = "lose_reply"  # do it, never answer
    DROP_REQUEST = "drop_request"  # do nothing, never answer
    HANG_UP = "hang_up"  # do it, then close the connection instead of an answer
    CRASH = "crash"  # do it, then die as by kill -9
    FLIP_SPM = "flip_spm"  # stop being the pool's manager, then go on
    FAIL_WORK = "fail_work"  # fail with `code` after the share `at` of the work (default 0.5)
    SLOW_WORK = "slow_work"  # wait `seconds` before the work begins
    DEAF_WORK = "deaf_work"  # go on to the end of the work, whoever asks to stop it
    FAIL_UNDO = "fail_undo"  # fail to undo what a task did; its verb is "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: strikes calls of `verb` whose parameters mention `about`, `times` times."""

    verb: str
    effect: Effect
    about: str = ""
    times: int | None = None
    code: int | None = None
    message: str = "injected fault"
    at: float = 0.5
    seconds: float = 0.0


class Faults:
    """The faults in force. A rule that has struck often enough rests until the file is written anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = 0
        self._rules: list[Fault] = []
        self._struck: dict[Fault, int] = {}

    def strike(self, verb: str, params: Any, *effects: Effect) -> Fault | None:
        """Gives the first fault with such an effect that is meant for the call, and counts it."""
        with self._lock:
            self._read()
            if not self._rules:
                return None
            text = json.dumps(params)
            for rule in self._rules:
                if rule.verb not in (verb, EVERY_VERB) or rule.effect not in effects:
                    continue
                struck = self._struck.get(rule, 0)
                if rule.about not in text or (rule.times is not None and struck >= rule.times):
                    continue
                self._struck[rule] = struck + 1
                return rule
        return None

    def _read(self) -> None:
        try:
            written = self._path.stat().st_mtime_ns
            if written == self._written:
                return
            rules = json.loads(self._path.read_text())
        except FileNotFoundError:
            self._written, self._rules = 0, []
            return
        except ValueError:  # caught while it is being written
            return
        self._written, self._struck = written, {}
        self._rules = [Fault(**{**rule, "effect": Effect(rule["effect"])}) for rule in rules]


def write_faults(path: Path, faults: Iterable[Fault]) -> None:
    """Puts these faults in force, and no others."""
    path.write_text(json.dumps([asdict(one) for one in faults]))
