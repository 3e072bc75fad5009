"""The library of callers and vendors: Orchestrator over REST, typed, with what is safe repeated."""

from orchestrator.client.asynchronous import AsyncClient
from orchestrator.client.client import Client
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
from orchestrator.client.vendor import Task, Vendor

__all__ = [
    "AsyncClient",
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
