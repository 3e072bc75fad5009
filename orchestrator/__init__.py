"""Durable commands on Celery: what engine code imports."""

from orchestrator.core.asynctask import AsyncTask, AsyncTaskRef, TaskReport, TaskStatus, WhenSilent
from orchestrator.core.command import Command, Old, Retry
from orchestrator.core.errors import OrchestratorError, Refused, TryAgain
from orchestrator.core.external import external
from orchestrator.core.locks import Locks, exclusive, shared
from orchestrator.core.plan import Plan, best_effort, parallel, sequence
from orchestrator.core.ports import Adapter, Trouble
from orchestrator.core.run import Run
from orchestrator.core.status import Outcome

__all__ = [
    "Adapter",
    "AsyncTask",
    "AsyncTaskRef",
    "Command",
    "Locks",
    "Old",
    "OrchestratorError",
    "Outcome",
    "Plan",
    "Refused",
    "Retry",
    "Run",
    "TaskReport",
    "TaskStatus",
    "Trouble",
    "TryAgain",
    "WhenSilent",
    "best_effort",
    "exclusive",
    "external",
    "parallel",
    "sequence",
    "shared",
]
