"""Plays a whole command in one thread against a real adapter: a few lines of engine for tests.

It shows that the commands fit together. It remembers nothing, so it proves nothing about crashes.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from types import UnionType
from typing import Any

from pydantic import TypeAdapter

from adapters.vdsm import Vdsm
from orchestrator import AsyncTask, Command, Outcome, Run, TaskStatus, TryAgain
from orchestrator.core.external import ExternalTask
from orchestrator.core.plan import BestEffort, Group, Part
from tests.adapters.contract import eventually, known_as, ref_of, until_ended


class PartFailedError(Exception):
    """A command failed; what had succeeded before it was undone."""


class Player:
    """Plays commands with `vdsm`; a vendor's task ends as `vendor` says."""

    def __init__(self, vdsm: Vdsm, *, vendor: Callable[[ExternalTask], bool] | None = None) -> None:
        self._vdsm = vdsm
        self._vendor = vendor or (lambda task: True)
        self.played: list[str] = []
        self.undone: list[str] = []
        self.failed: list[str] = []

    def play(self, command: Command) -> None:
        """Plays a command to its end; raises PartFailedError after undoing what it did."""
        self._part(command, [])

    def _part(self, part: Part, results: list[Any]) -> Callable[[], None]:
        """Plays a part, adds what it returns to `results`, gives what undoes it."""
        match part:
            case Group():
                return self._group(part, results)
            case BestEffort():
                try:
                    return self._part(part.part, results)
                except PartFailedError:
                    return _nothing
            case Command():
                return self._command(part, results)

    def _group(self, group: Group, results: list[Any]) -> Callable[[], None]:
        undos: list[Callable[[], None]] = []
        try:
            for part in group.parts:
                undos.append(self._part(part, results))
        except PartFailedError:
            _all(undos)
            raise
        return lambda: _all(undos)

    def _command(self, command: Command, results: list[Any]) -> Callable[[], None]:
        kind = command.declared.kind
        undo_parts: Callable[[], None] = _nothing
        inner = results
        try:
            if "validate" in vars(type(command)):
                self._call(command, "validate", results)
            if hasattr(command, "plan"):
                inner = list(results)
                undo_parts = self._part(self._call(command, "plan", results), inner)
            elif isinstance(command, ExternalTask):
                self._ask_vendor(command)
            else:
                returned = self._wait(self._call(command, "execute", results), command)
                results += [] if returned is None else [returned]
        except Exception as error:
            self.failed.append(kind)
            self._end(command, Outcome.FAILED, results)
            raise PartFailedError(f"{kind}: {error}") from error
        self.played.append(kind)
        returned = self._end(command, Outcome.SUCCEEDED, inner)
        results += [] if returned is None else [returned]
        known = list(results)

        def undo() -> None:
            undo_parts()
            if hasattr(command, "compensate"):
                self._wait(self._call(command, "compensate", known), command)
                self.undone.append(kind)

        return undo

    def _ask_vendor(self, task: ExternalTask) -> None:
        if not self._vendor(task):
            raise PartFailedError(f"{task.vendor} reported a failure")

    def _end(self, command: Command, outcome: Outcome, results: list[Any]) -> Any:
        if not hasattr(command, "end"):
            return None
        return self._call(command, "end", [*results, outcome])

    def _wait(self, returned: Any, command: Command) -> Any:
        if not isinstance(returned, AsyncTask):
            return returned
        ref = ref_of(returned)
        report = self._vdsm.start(ref, again=False)
        if not report.status.has_ended:
            report = until_ended(self._vdsm, known_as(ref, report))
        if report.status is not TaskStatus.SUCCEEDED:
            raise PartFailedError(report.message)
        if report.result is None:
            return None
        (wanted,) = typing.get_args(_hint(type(command).execute, "return"))  # type: ignore[attr-defined]
        return TypeAdapter(wanted).validate_python(report.result)

    def _call(self, command: Command, verb: str, results: list[Any]) -> Any:
        function = getattr(type(command), verb)
        names = list(inspect.signature(function).parameters)[1:]
        asked = {name: self._supply(_hint(function, name), results) for name in names}
        answer: list[Any] = []

        def attempt() -> bool:
            try:
                answer.append(getattr(command, verb)(**asked))
            except TryAgain:
                return False
            return True

        eventually(attempt)
        if verb != "plan":
            getattr(command, verb)(**asked)  # a verb may be called twice
        return answer[0]

    def _supply(self, wanted: Any, results: list[Any]) -> Any:
        if wanted is Run:
            return Run(command_id="command-1", root_id="command-1", attempt=1, owner="alice")
        if typing.get_origin(wanted) is list:
            (item,) = typing.get_args(wanted)
            return [one for one in results if isinstance(one, item)]
        known = [*reversed(results), self._vdsm]
        if typing.get_origin(wanted) is UnionType:
            wanted = typing.get_args(wanted)[0]
            return next((one for one in known if isinstance(one, wanted)), None)
        return next(one for one in known if isinstance(one, wanted))


def _hint(function: Any, name: str) -> Any:
    annotation = function.__annotations__[name]
    return eval(annotation, function.__globals__) if isinstance(annotation, str) else annotation


def _all(undos: list[Callable[[], None]]) -> None:
    for undo in reversed(undos):
        undo()


def _nothing() -> None:
    """Undoes nothing."""
