"""What all commands on a storage pool share: which pool they mean."""

from __future__ import annotations

from uuid import UUID

from orchestrator import Command


class InPool(Command):
    """A command on a storage pool; the first one of the settings where none is named."""

    storage_pool_id: UUID | None = None
