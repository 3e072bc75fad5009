"""Gluster as an outside system: what its commands ask for, and how its tasks are followed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.gluster.asked import kind_of, volume_of
from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.details import Details
from adapters.gluster.found import Finder
from adapters.gluster.healing import HEAL_VERBS, Healing
from adapters.gluster.leftovers import Leftovers
from adapters.gluster.settings import GlusterSettings
from adapters.gluster.tasks import (
    ListedTask,
    RebalanceResult,
    RemoveBricksResult,
    TaskDetail,
    TaskKind,
)
from adapters.gluster.verdicts import (
    BEGUN,
    LEFT_BEHIND,
    NAME,
    judge,
    judge_absent,
    names_may_be_lost,
    unless_frozen,
)
from adapters.gluster.xml import (
    Reply,
    read_detail,
    read_listed_tasks,
    read_listed_volumes,
    read_task_id,
)
from orchestrator import (
    AsyncTask,
    AsyncTaskRef,
    FoundTask,
    Refused,
    TaskReport,
    TaskStatus,
    TryAgain,
)

COMMIT = "commit_bricks"
COMMIT_PATIENCE = timedelta(minutes=10)
"""How long a commit is asked for again before an operator is asked what became of it."""


def _now() -> datetime:
    return datetime.now(UTC)


class Gluster(Healing):
    """The adapter to one Gluster cluster, and what a command gets that asks for `Gluster`.

    The methods that return an `AsyncTask` describe work and start nothing. All methods raise
    `Refused` with Gluster's own words when it says no, and `TryAgain` when it does not answer.
    """

    settings: GlusterSettings | None = None
    """What it was made with, for those who show the settings in force."""

    def __init__(
        self,
        cli: GlusterCli,
        *,
        cluster: str = "gluster",
        lease: timedelta = timedelta(minutes=5),
        frozen_after: timedelta = timedelta(minutes=2),
        absent_after: timedelta = timedelta(seconds=30),
        details_per_poll: int = 8,
        leftovers: Leftovers | None = None,
        now: Callable[[], datetime] = _now,
        is_set_up: bool = True,
    ) -> None:
        super().__init__(cli, cluster=cluster, lease=lease, now=now)
        self._frozen_after = frozen_after
        self._absent_after = absent_after
        self._leftovers = leftovers or Leftovers()
        self._details = Details(cli, per_poll=details_per_poll, now=now)
        self._now = now
        self._is_set_up = is_set_up
        self._finder = Finder(self._details, lease)
        self._absent_since: dict[str, datetime] = {}  # our task id → when first not listed
        # Gluster forgets what it stopped, so the answer to the stop is the last word on the
        # counters. `stop` gives it at once; it is kept for a poll that comes before it was taken
        # in. After a crash in between, or in another process, the task is absent, hence LOST.
        self._stopped: dict[str, TaskDetail] = {}

    @property
    def name(self) -> str:
        """The system's name: `gluster`."""
        return NAME

    def of(self, cluster: str | None) -> Gluster:
        """Gives a cluster by its name; none is the first. Raises `Refused` where there is none."""
        if cluster is None:
            return self
        raise Refused(f"there is one gluster cluster, {self._cluster!r}; leave `cluster` out")

    def rebalance(
        self, volume: str, *, fix_layout: bool = False, force: bool = False, is_retry: bool = False
    ) -> AsyncTask[RebalanceResult]:
        """Describes a rebalance: files move to the bricks where the volume's layout wants them.

        `fix_layout` mends the layout only and moves nothing; `force` moves files also where the
        target has less room than the source. `is_retry` says that a call before may have left a
        task: one that still runs is gone on with.
        """
        mode = ["fix-layout"] if fix_layout else ["force"] if force else []
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=TaskKind.REBALANCE,
            request={"volume": volume, "mode": mode}
            | self._present(volume, TaskKind.REBALANCE, (), is_retry=is_retry),
            description=f"Rebalance volume {volume}",
            lease=self._lease,
        )

    def remove_bricks_start(
        self, volume: str, bricks: Sequence[str], *, is_retry: bool = False
    ) -> AsyncTask[RemoveBricksResult]:
        """Describes moving all files off the bricks (`host:/path`), which stay until the commit.

        `is_retry` is as for a rebalance.
        """
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=TaskKind.REMOVE_BRICKS,
            request={"volume": volume, "bricks": [*bricks]}
            | self._present(volume, TaskKind.REMOVE_BRICKS, bricks, is_retry=is_retry),
            description=f"Move all files off {', '.join(bricks)} of volume {volume}",
            lease=self._lease,
        )

    def commit_bricks(self, volume: str, bricks: Sequence[str]) -> AsyncTask[None]:
        """Describes taking drained bricks out. It is done when started, or lost: never failed.

        A failure would have the drain undone, which may have taken days. So what Gluster refuses,
        or does not answer, is for an operator to judge.
        """
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=COMMIT,
            request={"volume": volume, "bricks": [*bricks]},
            description=f"Take {', '.join(bricks)} out of volume {volume}",
        )

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts the work; with `again` only if an earlier call did not do so.

        Gluster has no request ids. But a volume has at most one task, and the stored request names
        the task that the volume had *before* ours; any other one of our kind is ours.
        """
        if task.verb == COMMIT:
            return self._commit(task)
        if task.verb in HEAL_VERBS:
            return self._start_heal(task)
        if (earlier := task.request.get("continues")) and (found := self._listed(task, earlier)):
            goes_on = {**task.detail, BEGUN: "the command goes on with the task that was there"}
            return judge(self._cluster, found, None, replace(task, detail=goes_on))
        if again and (found := self._find(task)):
            return judge(self._cluster, found, None, task)
        if again and task.verb == TaskKind.REMOVE_BRICKS and not self._bricks_left(task):
            return self._already_gone(task)
        task_id = read_task_id(self._ask_for(task, "start"))
        anew = (
            {BEGUN: "nothing of it ran, it was begun anew"} if "continues" in task.request else {}
        )
        return TaskReport(
            system=NAME,
            scope=self._cluster,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            external_id=task_id,
            verb=task.verb,
            message=f"started; {anew[BEGUN]}" if anew else "started",
            detail={"volume": volume_of(task), "bricks": [*task.request.get("bricks", ())], **anew},
        )

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Reports on the tasks with one listing of the whole cluster, plus counters.

        A task that stands still is passed over, see `unless_frozen`. The listing says yes and yet
        leaves out volumes whose lock is busy: of their tasks it says nothing.
        """
        self._check(scope)
        yield from self._follow_heals([ref for ref in tasks if ref.verb in HEAL_VERBS])
        tasks = [ref for ref in tasks if ref.verb not in HEAL_VERBS]
        if tasks:
            reply = self._cli.ask("volume", "status", "all", "tasks")
            yield from self._judged(scope, tasks, reply)

    def _judged(
        self, scope: str, tasks: Collection[AsyncTaskRef], reply: Reply
    ) -> Iterator[TaskReport]:
        listed = {one.task_id: one for one in read_listed_tasks(reply)}
        volumes = read_listed_volumes(reply)
        present = [(ref, listed[ref.external_id]) for ref in tasks if ref.external_id in listed]
        details = self._details.of_many(present)
        for ref in tasks:
            if ref.external_id in listed:
                self._absent_since.pop(ref.task_id, None)
            elif stopped := self._stopped.get(ref.task_id):
                yield judge_absent(ref, stopped)
            elif ref.request.get("volume") in volumes and (report := self._confirm_absent(ref)):
                yield report
        for ref, one in present:
            detail = details.get(one.task_id)
            report = judge(scope, one, detail, ref)
            if report and detail:  # a standstill is only seen in counters that were read just now
                report = unless_frozen(report, ref, now=self._now(), patience=self._frozen_after)
            if report:
                yield report

    def bears_its_name(self) -> None:
        """Has the locks of what others began name the cluster, as those of commands on it do."""
        self._finder.cluster = self.cluster

    def scopes(self) -> Collection[str]:
        """Gives the cluster, if one was set up."""
        return (self._cluster,) if self._is_set_up else ()

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterator[TaskReport | FoundTask]:
        """Reports on these tasks, and on every task that the same listing of the cluster shows."""
        self._check(scope)
        yield from self._follow_heals([ref for ref in tasks if ref.verb in HEAL_VERBS])
        reply = self._cli.ask("volume", "status", "all", "tasks")
        listed = read_listed_tasks(reply)
        asked = [ref for ref in tasks if ref.verb not in HEAL_VERBS and not self._finder.knows(ref)]
        reports = list(self._judged(scope, asked, reply))
        yield from reports
        yield from self._finder.found(scope, listed, reports)

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        """Stops the task if it is still the volume's; files that have moved stay where they are.

        Gives Gluster's answer, the last word on the counters.

        A completed rebalance is left alone: stopping it would only make Gluster forget how it
        ended. Removing bricks is stopped also when completed, because its bricks are leaving until
        then.
        """
        if task.verb == COMMIT or task.verb in HEAL_VERBS:
            return None  # carried out or refused when it was started; and a heal cannot be stopped
        found = self._find(task)
        if found is None or (found.kind is TaskKind.REBALANCE and not found.code.is_running):
            return None
        try:
            reply = self._ask_for(task, "stop")
        except GlusterRefused as error:
            if error.says_no_task:  # it ended between the look and the stop
                return None
            raise
        stopped = self._stopped[task.task_id] = read_detail(reply)
        return judge_absent(task, stopped)

    def clear(self, task: AsyncTaskRef) -> None:
        """Takes the bricks of a failed removal back into use; other ended tasks need nothing."""
        if task.detail.get(LEFT_BEHIND):
            self.stop(task)
        self._heals.forget(task.task_id)
        self._stopped.pop(task.task_id, None)
        self._absent_since.pop(task.task_id, None)
        self._details.forget(task.external_id)

    def _ask_for(self, task: AsyncTaskRef, action: str) -> Reply:
        match kind_of(task):
            case TaskKind.REBALANCE:
                mode = task.request.get("mode", ()) if action == "start" else ()
                # "fix-layout" stands before the word "start", "force" behind it
                words = sorted([action, *mode], key=["fix-layout", action, "force"].index)
                return self._cli.ask("volume", "rebalance", volume_of(task), *words)
            case TaskKind.REMOVE_BRICKS:
                bricks = task.request["bricks"]
                return self._cli.ask("volume", "remove-brick", volume_of(task), *bricks, action)

    def _find(self, task: AsyncTaskRef) -> ListedTask | None:
        """Gives the volume's task if it is this one."""
        for one in self._list(volume_of(task)):
            if task.external_id is not None:
                is_ours = one.task_id == task.external_id
            else:
                is_ours = (
                    one.task_id not in task.request["before"]
                    and one.kind == task.verb
                    and set(one.bricks) == set(task.request.get("bricks", ()))
                )
            if is_ours:
                return one
        return None

    def _confirm_absent(self, ref: AsyncTaskRef) -> TaskReport | None:
        """Reports a task lost once its own volume has been listed without it for a while."""
        now = self._now()
        if now - self._absent_since.setdefault(ref.task_id, now) < self._absent_after:
            return None
        try:
            found = self._find(ref)
        except (TryAgain, Refused):
            return None  # no news: should this last, the task's lease runs out
        self._absent_since.pop(ref.task_id)
        return judge(ref.scope, found, None, ref) if found else judge_absent(ref, None)

    def _present(
        self, volume: str, kind: TaskKind, bricks: Sequence[str], *, is_retry: bool
    ) -> dict[str, Any]:
        """Gives what a request keeps of the volume's task: not ours, or to be gone on with.

        The command holds the volume's lock, so on a retry a task of its kind that still runs can
        only be its own, begun before its worker or Gluster went away.
        """
        listed = self._list(volume)
        found: dict[str, Any] = {"before": [one.task_id for one in listed]}
        if is_retry:
            fitting = (
                one.task_id
                for one in listed
                if one.kind is kind
                and set(one.bricks) == set(bricks)
                # a removal waits for its commit also when all files have moved
                and (one.code.is_running or kind is TaskKind.REMOVE_BRICKS)
            )
            found["continues"] = next(fitting, None)
        return found

    def _listed(self, task: AsyncTaskRef, task_id: str) -> ListedTask | None:
        return next((one for one in self._list(volume_of(task)) if one.task_id == task_id), None)

    def _list(self, volume: str) -> tuple[ListedTask, ...]:
        reply = self._cli.ask("volume", "status", volume, "tasks")
        if volume != "all" and volume not in read_listed_volumes(reply):
            raise TryAgain(f"gluster did not list volume {volume}, which may be busy")
        return read_listed_tasks(reply)

    def _commit(self, task: AsyncTaskRef) -> TaskReport:
        problem: Exception | None = None
        try:
            self.remove_bricks_commit(volume_of(task), task.request["bricks"])
        except Refused as error:
            problem = error
        except TryAgain as error:
            if self._now() - task.created_at < COMMIT_PATIENCE:
                raise
            problem = error
        return TaskReport(
            system=NAME,
            scope=self._cluster,
            status=TaskStatus.LOST if problem else TaskStatus.SUCCEEDED,
            task_id=task.task_id,
            verb=task.verb,
            message=f"not committed, the drain is kept; mend the cause and restart: {problem}"
            if problem
            else (
                f"the bricks have left the volume; {self._leftovers.tell(task.request['bricks'])}; "
                f"{names_may_be_lost(volume_of(task))}"
            ),
        )

    def _bricks_left(self, task: AsyncTaskRef) -> bool:
        present = self.volume_info(volume_of(task)).bricks
        return any(brick in present for brick in task.request["bricks"])

    def _already_gone(self, task: AsyncTaskRef) -> TaskReport:
        return TaskReport(
            system=NAME,
            scope=self._cluster,
            status=TaskStatus.SUCCEEDED,
            task_id=task.task_id,
            verb=task.verb,
            message="the bricks have left the volume already",
            result=RemoveBricksResult().as_json(),
        )

    def _check(self, scope: str) -> None:
        if scope != self._cluster:
            raise TryAgain(
                f"gluster cluster {scope!r} is not the one that is set up here, {self._cluster!r}; "
                "check ORCHESTRATOR_GLUSTER_CLUSTER"
            )
