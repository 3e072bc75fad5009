"""Celery's result backend on the command store: `AsyncResult(command_id)` reads the command itself.

Nothing is written here. What a task did was committed before it returned, and a chord needs no counter of its own:
the parent's row counts its parts, and the commit that opened the join says so.
"""

from __future__ import annotations

from typing import Any

from celery import signature, states
from celery.backends.base import BaseBackend

from orchestrator.core.entity import CommandEntity
from orchestrator.core.sealed import masked
from orchestrator.core.status import Status

STATES = {
    Status.PENDING: states.PENDING,
    Status.BLOCKED: states.PENDING,
    Status.READY: states.PENDING,
    Status.RUNNING: states.STARTED,
    Status.WAITING: states.STARTED,
    Status.DELAYED: states.RETRY,
    Status.NEEDS_ATTENTION: states.STARTED,
    Status.SUCCEEDED: states.SUCCESS,
    Status.FAILED: states.FAILURE,
    Status.STOPPED: states.REVOKED,
    Status.SKIPPED: states.REVOKED,
    Status.COMPENSATED: states.REVOKED,
}


class CommandFailed(Exception):  # noqa: N818 - what `AsyncResult.get` raises reads as what happened
    """The command did not succeed."""


class StoreBackend(BaseBackend):  # type: ignore[misc]
    """The backend. Its state is the command store's, so it supports no forgetting."""

    supports_native_join = False
    supports_autoexpire = True

    def _store(self) -> Any:
        from workers.wiring import wiring  # noqa: PLC0415 - the app is made before it is wired

        return wiring().store

    def _store_result(self, *_: Any, **__: Any) -> None:
        """Writes nothing: the command was completed by its own transaction."""

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        command_id = task_id.partition("~")[0]
        command = self._store().get(command_id)
        if command is None:
            return {"status": states.PENDING, "result": None, "task_id": task_id}
        return {
            "status": STATES[command.status],
            "result": self._result(command),
            "traceback": None,
            "children": [],
            "task_id": task_id,
            "date_done": command.end_time,
        }

    def _result(self, command: CommandEntity) -> Any:
        if command.status is Status.SUCCEEDED:
            return masked(self._store().value(command.command_id))
        if STATES[command.status] in states.EXCEPTION_STATES:
            return CommandFailed(f"{command.kind} {command.status}: {command.message or ''}")
        return None

    def _forget(self, task_id: str) -> None:
        """Forgets nothing: history is kept by the store's own rules."""

    def apply_chord(self, header_result_args: Any, body: Any, **_: Any) -> None:
        """Has nothing to do: how many parts there are was stored before any of them ran."""

    def on_chord_part_return(self, request: Any, state: str, result: Any, **_: Any) -> None:
        """Publishes the body, where this task's own commit opened the join."""
        if getattr(request, "opened_join", False):
            signature(request.chord, app=self.app).apply_async()

    def exception_to_python(self, exc: Any) -> Any:
        return exc if isinstance(exc, BaseException) else super().exception_to_python(exc)
