"""The books of the memory store: all that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.core.access import Grant
from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity, Payload, TaskEntity, Transition
from orchestrator.core.pause import Pause
from orchestrator.core.ports import OpenDoor, ScopeNote, WorkerRow
from orchestrator.core.webhook import Delivery, Endpoint
from orchestrator.store.memory_locks import MemoryLocks


@dataclass(slots=True)
class Books:
    """All that is stored. A transaction works on a copy of each book that it writes."""

    commands: dict[str, CommandEntity] = field(default_factory=dict)
    payloads: dict[str, Payload] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, TaskEntity] = field(default_factory=dict)
    written_tasks: list[str] = field(default_factory=list)
    log: list[Transition] = field(default_factory=list)
    locks: MemoryLocks = field(default_factory=MemoryLocks)
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    doors: dict[str, OpenDoor] = field(default_factory=dict)
    scope_notes: dict[tuple[str, str], ScopeNote] = field(default_factory=dict)
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    audit: list[Deed] = field(default_factory=list)
    pauses: dict[str, Pause] = field(default_factory=dict)
