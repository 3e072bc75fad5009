"""Durable commands on Celery: what engine code imports."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.core.asynctask import (
        AsyncTask,
        AsyncTaskRef,
        FoundTask,
        TaskReport,
        TaskStatus,
        WhenSilent,
    )
    from orchestrator.core.command import Command, Old, Retry
    from orchestrator.core.errors import OrchestratorError, Refused, TryAgain
    from orchestrator.core.external import external
    from orchestrator.core.locks import Locks, exclusive, shared
    from orchestrator.core.plan import Plan, best_effort, parallel, sequence
    from orchestrator.core.ports import Adapter, Trouble
    from orchestrator.core.run import Run
    from orchestrator.core.secret import Secret
    from orchestrator.core.status import Outcome

__all__ = [
    "Adapter",
    "AsyncTask",
    "AsyncTaskRef",
    "Command",
    "FoundTask",
    "Locks",
    "Old",
    "OrchestratorError",
    "Outcome",
    "Plan",
    "Refused",
    "Retry",
    "Run",
    "Secret",
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

_HOMES = {
    "orchestrator.core.asynctask": (
        "AsyncTask",
        "AsyncTaskRef",
        "FoundTask",
        "TaskReport",
        "TaskStatus",
        "WhenSilent",
    ),
    "orchestrator.core.command": ("Command", "Old", "Retry"),
    "orchestrator.core.errors": ("OrchestratorError", "Refused", "TryAgain"),
    "orchestrator.core.external": ("external",),
    "orchestrator.core.locks": ("Locks", "exclusive", "shared"),
    "orchestrator.core.plan": ("Plan", "best_effort", "parallel", "sequence"),
    "orchestrator.core.ports": ("Adapter", "Trouble"),
    "orchestrator.core.run": ("Run",),
    "orchestrator.core.secret": ("Secret",),
    "orchestrator.core.status": ("Outcome",),
}


def __getattr__(name: str) -> Any:
    """Gives what engine code imports when it is first asked for: the command line needs none of it."""
    for home, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(home), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
