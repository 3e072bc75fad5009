"""The outside system of a play, in which others begin tasks of their own as well."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable

from orchestrator import exclusive
from orchestrator.core.asynctask import AsyncTaskRef, FoundTask, TaskReport, TaskStatus
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import FINAL
from tests.model.outside import SYSTEM, Outside

SCOPES = ("scope-0", "scope-1")
MOST = 6


class Street(Outside):
    """Passers-by begin tasks here, some that we wait for, and clear some of them when they have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.cleared: set[str] = set()

    def pass_by(self, rng: random.Random) -> None:
        """Somebody begins a task or clears one, now and then."""
        if rng.random() < 0.05 and len(self.begun) < MOST:
            name = f"hand-{len(self.begun)}"
            self.begun.append(name)
            self.records[name] = {
                "does": rng.choice(("works", "fails")),
                "scope": rng.choice(SCOPES),
                "ends_at": self.time() + rng.choice((0.0, 1.0, 20.0)),
                "stopped": False,
            }
        ended = [one for one in self._by_hand() if not self._runs(one)]
        if ended and rng.random() < 0.01:
            self.cleared.add(ended[0])
            self.records.pop(ended[0])

    def scopes(self) -> Collection[str]:
        return SCOPES

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        self.weather("call")
        reports = [self._report(task) for task in tasks]
        found = [self._found(name) for name, one in self.records.items() if one["scope"] == scope]
        self.weather("answer")
        return [*reports, *found]

    def key(self, task: AsyncTaskRef) -> str:
        return str(task.request.get("hand", task.task_id))

    def _report(self, task: AsyncTaskRef) -> TaskReport:
        return super()._report(task)._replace(external_id=f"x-{self.key(task)}")

    def _found(self, name: str) -> FoundTask:
        record = self.records[name]
        report = TaskReport(
            system=SYSTEM,
            scope=record["scope"],
            status=self.status(record),
            external_id=f"x-{name}",
        )
        number = self.begun.index(name) if name in self.begun else 0
        return FoundTask(
            report=report,
            description=name,
            request={"hand": name},
            locks=exclusive("street", number % 2),
        )

    def _by_hand(self) -> list[str]:
        return [one for one in self.begun if one in self.records]

    def _runs(self, name: str) -> bool:
        return self.status(self.records[name]) is TaskStatus.RUNNING

    # --- what must have become of them ------------------------------------------------------------

    def is_quiet(self, store: Store) -> bool:
        """Tells whether all that is there was found, and its commands have ended."""
        commands = store.get_commands(CommandQuery(kind=OUTSIDE_KIND, limit=100)).items
        labels = {one.label for one in commands}
        all_found = all(f"{one} (found outside)" in labels for one in self._by_hand())
        return all_found and all(one.status in FINAL for one in commands)

    def wrong(self, store: Store) -> list[str]:
        """Gives what is wrong: each task has one command, those that others cleared in time at most one."""
        commands = store.get_commands(CommandQuery(kind=OUTSIDE_KIND, limit=100)).items
        counted = Counter(one.label.removesuffix(" (found outside)") for one in commands)
        faults = [
            f"{name}, begun by hand, has {counted[name]} commands"
            for name in self.begun
            if counted[name] != 1 and not (name in self.cleared and not counted[name])
        ]
        strangers = counted.keys() - set(self.begun)
        faults += [f"{one} is ours, and was found outside" for one in sorted(strangers)]
        for one in commands:
            name = one.label.removesuffix(" (found outside)")
            if name in self.records and one.status.value not in ("succeeded", "failed"):
                faults.append(f"{name} ended by itself, and its command is {one.status.value}")
        return faults
