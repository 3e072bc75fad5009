"""Reads the counters of tasks, which the list of tasks does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.tasks import ListedTask, TaskDetail, TaskKind
from adapters.gluster.xml import NotXmlError, read_detail
from orchestrator import AsyncTaskRef, TryAgain

ESTIMATED_AFTER_S = 600
"""Gluster tells how long a task will still take from then on."""

_TIME_LEFT = re.compile(r"Estimated time left for rebalance to complete\s*:\s*(\d+):(\d\d):(\d\d)")


class Details:
    """Asks for counters, of running tasks in turns."""

    def __init__(self, cli: GlusterCli, *, per_poll: int, now: Callable[[], datetime]) -> None:
        self._cli = cli
        self._per_poll = per_poll
        self._now = now
        self._read_at: dict[str, datetime] = {}  # Gluster's task id → when it was read last

    def forget(self, task_id: str | None) -> None:
        """Forgets a task that has ended."""
        self._read_at.pop(task_id or "", None)

    def of_many(
        self, present: Collection[tuple[AsyncTaskRef, ListedTask]]
    ) -> dict[str, TaskDetail]:
        """Reads counters: of all tasks that have ended, and of some that run.

        The list of tasks has no counters, and no call gives those of several volumes. A volume has
        one task, so this is at most one call per volume with a task of ours; each takes up to 0.1 s
        under glusterd's one lock. Hence running tasks take turns: a cluster with hundreds of them
        shows its counters less often, and is not slowed down by being watched.
        """
        ended = [one for _, one in present if not one.code.is_running]
        running = [one for _, one in present if one.code.is_running]
        never = datetime.min.replace(tzinfo=UTC)
        running.sort(key=lambda one: self._read_at.get(one.task_id, never))
        details: dict[str, TaskDetail] = {}
        for one in [*ended, *running[: self._per_poll]]:
            self._read_at[one.task_id] = self._now()
            try:
                detail = self.of_one(one)
            except TryAgain:
                break  # the listing stands; asking on would wait once more for each volume
            if detail:
                details[one.task_id] = detail
        return details

    def of_one(self, one: ListedTask) -> TaskDetail | None:
        """Reads a task's counters; None when the volume has another task by now, or none."""
        words = {
            TaskKind.REBALANCE: ("rebalance", one.volume, "status"),
            TaskKind.REMOVE_BRICKS: ("remove-brick", one.volume, *one.bricks, "status"),
        }[one.kind]
        try:
            detail = read_detail(self._cli.ask("volume", *words))
        except (GlusterRefused, NotXmlError):
            return None
        if detail.task_id != one.task_id:
            return None
        if detail.counters.runtime_s < ESTIMATED_AFTER_S or not detail.code.is_running:
            return detail
        return replace(detail, left_s=self._read_time_left(words))

    def _read_time_left(self, words: Sequence[str]) -> int | None:
        """Reads how many seconds a task will still take, which Gluster says in plain text only."""
        try:
            found = _TIME_LEFT.search(self._cli.ask_in_words("volume", *words))
        except TryAgain:
            return None
        if found is None:
            return None
        hours, minutes, seconds = (int(part) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds
