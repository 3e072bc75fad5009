"""A stage for tests: plays whole commands in one thread, in milliseconds, on a clock that the test turns."""

from __future__ import annotations

import base64
import random
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.app import Orchestrator
from orchestrator.core.asynctask import AsyncTaskRef, FoundTask, TaskReport, TaskStatus
from orchestrator.core.catalog import Catalog
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity
from orchestrator.core.external import VENDOR_COMMANDS, VENDOR_SYSTEM
from orchestrator.core.outside import OutsideTask
from orchestrator.core.ports import Adapter, Store, WorkerRow
from orchestrator.core.reaction import Policy
from orchestrator.core.status import Status
from orchestrator.engine.keyring import Keyring
from orchestrator.engine.poll import Poller
from orchestrator.engine.reconcile import Reconciler
from orchestrator.engine.report import Reporter
from orchestrator.engine.run import Runner
from orchestrator.engine.tree import Limits
from orchestrator.engine.vault import Vault
from orchestrator.engine.writer import Writer
from orchestrator.store.memory import MemoryStore

MOST_STEPS = 1_000_000


class StageClock:
    """A clock that stands still until it is turned."""

    def __init__(self, at: datetime | None = None) -> None:
        self.time = at or datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def turn(self, by: timedelta) -> None:
        """Moves the hand forward."""
        self.time += by


class FakeVendors:
    """Stands in for vendors: an external task ends when the test reports so."""

    name = VENDOR_SYSTEM
    pushes = True

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        return TaskReport(
            system=task.system,
            scope=task.scope,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            external_id=task.task_id,
            offered=True,
        )

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        return ()

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        return ()

    def stop(self, task: AsyncTaskRef) -> TaskReport:
        return TaskReport(system=task.system, scope=task.scope, status=TaskStatus.ABORTED)

    def clear(self, task: AsyncTaskRef) -> None:
        pass


@dataclass(slots=True)
class Inbox:
    """The sender of the stage: a queue of nudges that the test may lose, double or shuffle."""

    nudges: deque[str] = field(default_factory=deque)

    def launch(self, commands: Sequence[CommandEntity]) -> None:
        self.nudges.extend(one.command_id for one in commands)


class Stage:
    """Plays commands with fake adapters.

    `submit` begins a command; `play` runs until nothing is due; `turn` moves the clock and plays on. `report`
    tells the news of an async task. `orchestrator` is the real front door, with all its verbs. Secrets are encrypted
    with a key of the stage's own, or with `secret_keys`.
    """

    def __init__(
        self,
        commands: Iterable[type[Command]],
        supplies: Iterable[object] = (),
        *,
        store: Store | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        fusion: bool = True,
        seed: int = 0,
        secret_keys: Sequence[str] | None = None,
    ) -> None:
        self.clock = StageClock()
        self.store: Store = store or MemoryStore(self.clock.now)
        self.rng = random.Random(seed)
        supplied = tuple(supplies)
        if not any(isinstance(one, Adapter) and one.name == VENDOR_SYSTEM for one in supplied):
            supplied = (*supplied, FakeVendors())
        self.catalog = Catalog({*commands, *VENDOR_COMMANDS, OutsideTask}, supplied)
        keys = (
            (base64.urlsafe_b64encode(bytes(32)).decode(),) if secret_keys is None else secret_keys
        )
        vault = Vault(Keyring(keys), self.catalog)
        self.writer = Writer(self.store, policy, clock=self.clock, rng=self.rng, vault=vault)
        self.inbox = Inbox()
        self.reporter = Reporter(self.writer)
        self.orchestrator = Orchestrator(
            self.store, self.writer, self.catalog, self.inbox, limits=limits
        )
        self.runner = Runner(
            self.writer,
            self.catalog,
            "stage",
            fusion_s=3600 if fusion else 0,
            limits=limits,
            rng=self.rng,
        )
        self.runner.caller.pauses.fresh_s = 0.0  # the clock stands still here
        adapters = {one.name: one for one in supplied if isinstance(one, Adapter)}
        self.poller = Poller(self.writer, self.reporter, adapters, self.inbox, self.clock)
        self.reconciler = Reconciler(self.writer, self.reporter, self.inbox, self.clock)
        self._register()

    def _register(self) -> None:
        import os  # noqa: PLC0415
        import socket  # noqa: PLC0415

        self.store.heartbeat(
            WorkerRow(
                worker_id="stage",
                name="stage",
                role="worker",
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=datetime.now(UTC),
                alive_until=datetime.max.replace(tzinfo=UTC),
            )
        )

    def submit(self, command: Command, **circumstances: Any) -> str:
        """Submits a command and gives its id; nothing runs yet."""
        return self.orchestrator.submit(command, **circumstances).id

    def play(self) -> None:
        """Runs all that is due now, until nothing is."""
        for _ in range(MOST_STEPS):
            if self.inbox.nudges:
                self.inbox.launch(self.runner.run(self.inbox.nudges.popleft()).ready)
            elif not self.poller.tick() and not self.reconciler.tick():
                return
        raise AssertionError(f"the play did not end in {MOST_STEPS} steps")

    def perform(self, command: Command, **circumstances: Any) -> CommandEntity:
        """Submits a command, plays, and gives it as it stands then."""
        command_id = self.submit(command, **circumstances)
        self.play()
        return self.orchestrator.get(command_id)

    def turn(self, by: timedelta) -> None:
        """Lets time pass, and plays what has become due."""
        self.clock.turn(by)
        self.play()

    def report(self, command_id: str, status: TaskStatus, **news: Any) -> None:
        """Tells the news about the async task of a command, and plays on."""
        task = self.orchestrator.tasks([command_id])[-1]
        self.orchestrator.report(
            [
                TaskReport(
                    system=task.system,
                    scope=task.scope,
                    task_id=task.task_id,
                    status=status,
                    **news,
                )
            ]
        )
        self.play()

    def statuses(self, command_id: str) -> dict[str, Status]:
        """Gives the status of each command of a tree, by label."""
        return {one.label: one.status for one in self.orchestrator.tree(command_id)}
