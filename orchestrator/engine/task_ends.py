"""What the end of an async task means to the command that waits for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.core import event as ev
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import TaskEntity
from orchestrator.core.status import Outcome, TaskState

OUTCOME_OF_TASK = {
    TaskStatus.SUCCEEDED: Outcome.SUCCEEDED,
    TaskStatus.FAILED: Outcome.FAILED,
    TaskStatus.ABORTED: Outcome.STOPPED,
}


def event_of_end(task: TaskEntity) -> ev.Event | None:
    """Gives what an ended task means to its command; None while it runs."""
    if task.status is TaskStatus.LOST and task.found:
        # Its owner may have it forgotten as soon as it ends: no operator of ours can find out how it did.
        gone = "gone outside: whoever began it stopped it or had it forgotten; how it came out is unknown"
        return ev.TaskEnded(Outcome.STOPPED, None, gone)
    if task.status is TaskStatus.LOST:
        return ev.TaskSilent(task.message or "the outside system no longer knows the task")
    outcome = OUTCOME_OF_TASK.get(task.status)
    if outcome is None:
        return None
    came_out = f"{task.description or task.verb} {task.status} outside"
    reason = None if outcome is Outcome.SUCCEEDED else task.message or came_out
    retry_in = None if task.retry_s is None else timedelta(seconds=task.retry_s)
    return ev.TaskEnded(outcome, task.result, reason, retry_in, task.tries)


def given_up(task: TaskEntity) -> TaskEntity:
    """Nobody waits for it any more: the poller stops it outside, if it runs, and has it forgotten.

    What somebody else began is only not looked at any more, unless its stop was ordered.
    """
    if task.state is TaskState.ENDED:
        return task
    if task.found:
        return replace(task, state=TaskState.ENDED, status=TaskStatus.LOST, wake_at=None)
    return replace(
        task, state=TaskState.ENDED, status=TaskStatus.LOST, stop_requested=True, wake_at=None
    )
