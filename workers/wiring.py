"""The one page that wires everything, once in each process."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from orchestrator.app import Orchestrator
from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import UnavailableError
from orchestrator.core.ports import Adapter
from orchestrator.core.reaction import Policy
from orchestrator.engine.keyring import Keyring
from orchestrator.engine.poll import Poller
from orchestrator.engine.reconcile import Reconciler
from orchestrator.engine.report import Reporter
from orchestrator.engine.run import Runner
from orchestrator.engine.tree import Limits
from orchestrator.engine.vault import Vault
from orchestrator.engine.writer import Writer
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens
from workers.canvas import Canvas
from workers.clock import StoreClock
from workers.load import load_catalog
from workers.sender import CelerySender
from workers.settings import Settings, load_settings
from workers.waiting import Waiting


@dataclass
class Wiring:
    """All parts of one process; each is made when it is first needed."""

    settings: Settings
    celery: Celery

    @cached_property
    def store(self) -> SqlStore:
        return SqlStore(make_engine(self.settings.database, pool_size=self.settings.database_pool))

    @cached_property
    def clock(self) -> StoreClock:
        return StoreClock(self.store)

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog(self.settings.module_names)

    @cached_property
    def adapters(self) -> dict[str, Adapter]:
        return {one.name: one for one in self.catalog.supplies if isinstance(one, Adapter)}

    @cached_property
    def writer(self) -> Writer:
        policy = Policy(
            launch_grace=self.settings.launch_grace,
            deaths=self.settings.max_deaths,
            crew=self.settings.crew if self.settings.fusion else 0,
        )
        return Writer(self.store, policy, clock=self.clock, vault=self.vault)

    @cached_property
    def vault(self) -> Vault:
        return Vault(Keyring(self.settings.secret_keys), self.catalog)

    @cached_property
    def limits(self) -> Limits:
        return Limits(
            parts=self.settings.max_parts,
            depth=self.settings.max_depth,
            parameter_bytes=self.settings.max_parameter_bytes,
        )

    @cached_property
    def sender(self) -> CelerySender:
        canvas = Canvas(self.celery, self.store, fusion=self.settings.fusion)
        return CelerySender(self.celery, canvas)

    @cached_property
    def reporter(self) -> Reporter:
        return Reporter(self.writer)

    @cached_property
    def waiting(self) -> Waiting:
        return Waiting(self.store)

    @cached_property
    def orchestrator(self) -> Orchestrator:
        return Orchestrator(
            self.store,
            self.writer,
            self.catalog,
            self.sender,
            limits=self.limits,
            watch=self.waiting.watch,
        )

    @cached_property
    def tokens(self) -> SqlTokens:
        return SqlTokens(self.store)

    def queue_lengths(self) -> dict[str, int]:
        """Gives how many nudges wait in the broker, by queue. Raises UnavailableError when it is away."""
        queue = self.celery.conf.task_default_queue
        connection = self.celery.connection_for_read()
        try:
            with connection:
                declared = connection.default_channel.queue_declare(queue, passive=True)
                return {queue: declared.message_count}
        except connection.channel_errors:
            return {queue: 0}  # nobody has sent anything yet
        except (OperationalError, OSError, *connection.connection_errors) as problem:
            raise UnavailableError(f"the broker does not answer: {problem}") from problem

    def check_broker(self) -> None:
        """Raises UnavailableError when the broker is away."""
        self.queue_lengths()

    def runner(self, worker_id: str) -> Runner:
        """Makes the runner of a worker process."""
        fusion_s = self.settings.fusion_seconds if self.settings.fusion else 0
        return Runner(self.writer, self.catalog, worker_id, fusion_s=fusion_s, limits=self.limits)

    def reconciler(self, **given: Any) -> Reconciler:
        """Makes the scheduler's reconciler."""
        return Reconciler(self.writer, self.reporter, self.sender, self.clock, **given)

    def poller(self) -> Poller:
        """Makes the scheduler's poller."""
        interval = timedelta(seconds=self.settings.poll_seconds)
        return Poller(
            self.writer,
            self.reporter,
            self.adapters,
            self.sender,
            self.clock,
            interval=interval,
            list_every=timedelta(seconds=self.settings.discover_seconds),
            look_every=interval / 2,
            executor=ThreadPoolExecutor(self.settings.poll_threads, "poll"),
        )


_known: dict[int, Wiring] = {}
_guard = threading.Lock()


def wiring() -> Wiring:
    """Gives the wiring of this process; a forked child makes its own, for connections do not survive a fork."""
    pid = os.getpid()
    with _guard:
        if pid not in _known:
            from workers.celery import app  # noqa: PLC0415 - the app's backend asks for the wiring

            _known.clear()
            _known[pid] = Wiring(load_settings(), app)
        return _known[pid]
