"""What users see of our types: a module of theirs, outside the repository, is clean under `mypy --strict`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_house import PACKAGES, ROOT

USERS = (ROOT / "tests" / "house" / "users_module.txt").read_text()
WRONG = {
    "Stop(vm_id=1)": "arg-type",
    "Stop()": "call-arg",
    "Stop(vm_id=VM, more=2)": "call-arg",
    "Stop(vm_id=VM).vm_id.nonsense": "attr-defined",
    "sequence(7)": "arg-type",
    "connect().submit(7)": "arg-type",
}


def checked(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Checks a module in a folder of its own, with no settings but `--strict`."""
    (folder / "mine.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "mine.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()


def test_a_users_module_is_clean_and_slips_are_found(tmp_path: Path) -> None:
    clean = checked(tmp_path, USERS)
    slips = checked(tmp_path, "\n".join([USERS, *WRONG]))

    assert clean.returncode == 0, clean.stdout
    first = USERS.count("\n") + 2
    for line, (slip, code) in enumerate(WRONG.items(), first):
        found = [one for one in slips.stdout.splitlines() if one.startswith(f"mine.py:{line}:")]
        assert any(f"[{code}]" in one for one in found), (slip, slips.stdout)
