"""The Celery app: one task for each kind of command, all of them the same function."""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery, Task
from celery.signals import (
    import_modules,
    task_received,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from orchestrator.core.errors import OrchestratorError
from orchestrator.engine.faults import fault
from workers import points
from workers.canvas import body_of_chord, next_in_chain
from workers.logs import configure_structlog
from workers.settings import load_settings

CONF = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_serializer": "json",
    "task_acks_late": False,  # a message is a nudge: losing one costs a second, doubling one nothing
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        # kombu would note every message that is being worked on in Redis, and strike it off: half the price of a
        # message, for a nudge that the sweep sends again should it be lost.
        "ack_emulation": False,
        # A submission does not wait for a broker that is away: what it could not send, the sweep sends.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.05,
        "interval_max": 0.1,
    },
    "task_default_queue": "orchestrator",
    "worker_consumer": "workers.consumer:Consumer",
    "broker_channel_error_retry": True,  # out of memory, read-only: a broker that refuses is away
}


def make_app(broker_url: str) -> Celery:
    """Makes a Celery app that speaks to this broker, with the command store for results."""
    made = Celery(
        "orchestrator",
        broker=broker_url,
        backend="workers.backend:StoreBackend",
        set_as_current=False,
    )
    made.conf.update(CONF)
    return made


app = make_app(load_settings().broker_url)
app.set_default()
GROUPS = ("sequence", "parallel")  # bodies of chords may be groups: they have no class


class CommandTask(Task):  # type: ignore[misc]
    """A nudge: look at this command. Everything else stands in the store."""

    typing = False
    is_nudge = True
    Request = "workers.consumer:Nudge"

    def run(self, command_id: str, *_: Any) -> None:
        """Runs the command and what follows, and sees to it that whoever became ready is nudged."""
        from workers.process import process  # noqa: PLC0415 - made after the fork

        fault("after_ack")  # Celery has acknowledged the message before it calls us
        here = process()
        report = here.runner.run(command_id)
        carried = self._carried([one.command_id for one in report.ready])
        here.sender.launch([one for one in report.ready if one.command_id not in carried])

    def _carried(self, ready: list[str]) -> set[str]:
        """Names the ready commands that Celery nudges itself, by this message's chain or chord."""
        request = self.request
        carried = set()
        following = next_in_chain(request)
        if following in ready:
            carried.add(following)
        else:
            request.chain = None  # what comes next is not due yet, or done already
        body = body_of_chord(request)
        if body is not None and body in ready:
            request.opened_join = True
            carried.add(body)
        return {one for one in carried if one is not None}


def register(kinds: tuple[str, ...]) -> None:
    """Registers a task for each kind, so that Flower and the logs read well."""
    for kind in (*kinds, *GROUPS):
        if kind not in app.tasks:
            app.register_task(type("CommandTask", (CommandTask,), {"name": kind})())


def _check_modules(**_: Any) -> None:
    """Stops Celery's programs, Flower too, in one sentence: they would go on without commands."""
    from workers.wiring import wiring  # noqa: PLC0415

    try:
        wiring().catalog  # noqa: B018 - what is wrong with it is said now
    except OrchestratorError as problem:
        sys.exit(str(problem))


def _register_all(**_: Any) -> None:
    from workers.wiring import wiring  # noqa: PLC0415

    configure_structlog()  # the standard library's lines are Celery's affair in a worker
    register(wiring().catalog.kinds)
    if points.is_armed("before_ack"):
        points.arm_from_environment()
        task_received.connect(_receive, weak=False)


def _receive(**_: Any) -> None:
    fault("before_ack")


def _start_child(**_: Any) -> None:
    from workers.process import process  # noqa: PLC0415

    process()


def _start_threads(sender: Any = None, **_: Any) -> None:
    if not _forks(sender):
        _start_child()


def _stop(**_: Any) -> None:
    from workers.process import stop_process  # noqa: PLC0415

    stop_process()


def _forks(consumer: Any) -> bool:
    pool = getattr(getattr(consumer, "controller", None), "pool_cls", None)
    return "prefork" in str(getattr(pool, "__module__", ""))


import_modules.connect(_check_modules, sender=app, weak=False)
worker_init.connect(_register_all, weak=False)
worker_process_init.connect(_start_child, weak=False)
worker_ready.connect(_start_threads, weak=False)
worker_shutting_down.connect(_stop, weak=False)
