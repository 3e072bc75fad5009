"""Fixtures for tests with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder that PostgreSQL's own user may enter."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path
