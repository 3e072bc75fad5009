"""Async tasks as adapters are given them: with their secrets in plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from orchestrator.core.asynctask import AsyncTaskRef
from orchestrator.core.errors import UnreadableError
from orchestrator.core.sealed import has_sealed
from orchestrator.core.secret import Secret
from orchestrator.engine.vault import Vault

log = structlog.get_logger(__name__)


def in_plain(vault: Vault, ref: AsyncTaskRef, kept: list[Secret[Any]]) -> AsyncTaskRef:
    """Gives a task with its secrets in plain. Raises UnreadableError when a key is missing.

    While `kept` is alive, errors and logs are cleared of the secrets.
    """
    if not has_sealed(ref.request) and not has_sealed(ref.detail):
        return ref
    request, detail = (vault.plain(one, kept) for one in (ref.request, ref.detail))
    return replace(ref, request=request, detail=detail)


def all_in_plain(
    vault: Vault, refs: Sequence[AsyncTaskRef], kept: list[Secret[Any]]
) -> Sequence[AsyncTaskRef]:
    """Gives tasks with their secrets in plain, without those whose key is missing: of them nothing is asked."""
    if not any(has_sealed(one.request) or has_sealed(one.detail) for one in refs):
        return refs
    found = []
    for one in refs:
        try:
            found.append(in_plain(vault, one, kept))
        except UnreadableError as problem:
            log.warning("task_not_asked", task=one.task_id, why=str(problem))
    return found
