"""Several Gluster clusters in one adapter; a scope is a cluster's name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from adapters.gluster.cli import GlusterCli
from adapters.gluster.gluster import Gluster
from orchestrator import AsyncTaskRef, FoundTask, Refused, TaskReport, TryAgain


class Clusters(Gluster):
    """The first cluster of the settings, with the others beside it.

    What a command asks of it is meant for the first one; `of` gives another.
    """

    def __init__(self, cli: GlusterCli, *, others: Sequence[Gluster], **first: Any) -> None:
        super().__init__(cli, **first)
        self._others = {one.cluster: one for one in others}
        for one in others:
            one.bears_its_name()

    def of(self, cluster: str | None) -> Gluster:
        if cluster in self._others:
            return self._others[cluster]
        if cluster is None:
            return self
        known = ", ".join(sorted(self._others)) or "none"
        if cluster == self.cluster:
            raise Refused(
                f"{cluster!r} is the first gluster cluster, which is meant where none is named; "
                f"name only the others ({known})"
            )
        raise Refused(
            f"there is no gluster cluster {cluster!r}; beside the first there are {known}"
        )

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        if other := self._other(task.scope):
            return other.start(task, again=again)
        return super().start(task, again=again)

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        if other := self._other(scope):
            return other.poll(scope, tasks)
        return super().poll(scope, tasks)

    def scopes(self) -> Collection[str]:
        return (*super().scopes(), *self._others)

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterator[TaskReport | FoundTask]:
        if other := self._other(scope):
            return other.discover(scope, tasks)
        return super().discover(scope, tasks)

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        if other := self._other(task.scope):
            return other.stop(task)
        return super().stop(task)

    def clear(self, task: AsyncTaskRef) -> None:
        if other := self._other(task.scope):
            return other.clear(task)
        return super().clear(task)

    def _other(self, scope: str) -> Gluster | None:
        if scope != self.cluster and scope not in self._others:
            known = ", ".join([self.cluster, *sorted(self._others)])
            raise TryAgain(f"gluster cluster {scope!r} is not set up here; there are {known}")
        return self._others.get(scope)
