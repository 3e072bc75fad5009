"""What is kept on disk is for one user's eyes."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.private import make_private


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_data_directory_is_closed_to_others(tmp_path: Path) -> None:
    make_private(tmp_path / "data")

    assert mode_of(tmp_path / "data") == 0o700


def test_an_old_data_directory_is_closed_to_others(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o755)

    make_private(old)

    assert mode_of(old) == 0o700
