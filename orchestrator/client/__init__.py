"""The library of callers and vendors: Orchestrator over REST, typed, with what is safe repeated."""

from orchestrator.client.client import AsyncClient, Client
from orchestrator.client.errors import (
    BadRequestError,
    ClientError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    NotLoggedInError,
    ServerError,
    StopRequested,
    TaskFailed,
    UnavailableError,
)
from orchestrator.client.task import AwaitedTask, Task
from orchestrator.client.vendor import AsyncVendor, Vendor

__all__ = [
    "AsyncClient",
    "AsyncVendor",
    "AwaitedTask",
    "BadRequestError",
    "Client",
    "ClientError",
    "ConflictError",
    "NotAllowedError",
    "NotFoundError",
    "NotLoggedInError",
    "ServerError",
    "StopRequested",
    "Task",
    "TaskFailed",
    "UnavailableError",
    "Vendor",
]
