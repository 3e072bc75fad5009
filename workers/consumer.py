"""Celery's consumer of our queue: drops what is no nudge, takes a broker that refuses for one that is away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from queue import Empty
from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.request import Request

from orchestrator.core.errors import OrchestratorError
from orchestrator.engine.answers import describe
from workers.outage import outage
from workers.process import process

log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery's own ends its worker at a message that it cannot read, once the longest verb is done."""

    def connect(self) -> Any:
        """Connects to the broker; from when it has to until it consumes again, the broker counts as away."""
        outage.begin()
        if "prefork" not in str(getattr(self.controller, "pool_cls", "")):
            self._be_there()
        return super().connect()

    def on_ready(self) -> None:
        """Is called whenever it begins to consume."""
        outage.end()
        super().on_ready()

    def _be_there(self) -> None:
        """Makes the process that takes work by itself should there be no broker from the start."""
        try:
            process().standby.slots = self.pool.num_processes
        except OrchestratorError as problem:
            log.warning("process_not_started", why=str(problem))

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """Gives a connection that drops what is no message at all."""
        connection = super().connection_for_read(heartbeat=heartbeat)
        transport = connection.transport
        if hasattr(transport, "on_readable"):
            transport.on_readable = self._guarded(transport.on_readable)
        return connection

    def create_task_handler(self, *given: Any, **named: Any) -> Callable[[Any], None]:
        """Gives what handles a message: Celery's own handler, for nudges only."""
        handle = super().create_task_handler(*given, **named)
        tasks = self.app.tasks

        def receive(message: Any) -> None:
            try:
                why = what_is_wrong(message, tasks)
                if why is None:
                    handle(message)
            except Exception as problem:
                if self._is_of_connection(problem):
                    raise
                why = describe(problem)
            if why is not None:
                _log_dropped(why)
                if not message.acknowledged:
                    message.ack_log_error(log, self.connection_errors)

        return receive

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drops a message that kombu could not unpack; Celery's own logs all of it, with a traceback."""
        _log_dropped(describe(exc))
        message.ack()

    def _guarded(self, read: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(read)
        def guarded(*given: Any) -> Any:
            try:
                return read(*given)
            except Empty:
                raise
            except Exception as problem:
                if self._is_of_connection(problem):
                    raise
                _log_dropped(describe(problem))

        return guarded

    def _is_of_connection(self, problem: Exception) -> bool:
        """Tells whether the broker is the matter."""
        # kombu counts KeyError among the errors of Redis; here it is a message that lacks a field.
        errors = self.connection_errors + self.channel_errors
        return isinstance(problem, errors) and not isinstance(problem, LookupError)


class Nudge(Request):  # type: ignore[misc]
    """A request that nobody revokes: what is to stop a command is told to the store, which says by whom and why."""

    def revoked(self) -> bool:
        """Tells that it is to be looked at."""
        return False

    def terminate(self, pool: Any, signal: Any = None) -> None:
        """Kills no process: it may be at other commands, too."""
        log.warning("revoke_ignored", command=self.id)


def what_is_wrong(message: Any, tasks: Any) -> str | None:
    """Says why this message is no nudge; None when it is one. Raises whatever decoding it does."""
    headers = message.headers
    name, task_id = headers.get("task"), headers.get("id")
    if not isinstance(name, str) or not isinstance(task_id, str):
        return "its headers name no task or id"
    if not getattr(tasks.get(name), "is_nudge", False):
        return f"no command here has the kind {name!r}"
    if any(headers.get(one) for one in ("eta", "expires")) or any(headers.get("timelimit") or ()):
        return "it says when to run, which the store alone does"
    args, kwargs, more = message.decode()
    if kwargs or more.get("callbacks") or more.get("errbacks") or not _is_nudge(args):
        return "its body is not the id of one command"
    following = [*(more.get("chain") or ()), *filter(None, (more.get("chord"),))]
    if not all(_is_nudge(one["args"]) for one in following):
        return "what follows it are not the ids of commands"
    return None


def _is_nudge(args: Any) -> bool:
    match args:
        case [str() as command_id]:
            return command_id.isprintable()
    return False


def _log_dropped(why: str) -> None:
    log.warning("message_dropped", why=why.partition("\n")[0][:200])
