"""oVirt's own clients in an environment of their own: the SDK, and Ansible with oVirt's collection.

They are too heavy for the environment that the suite runs in, and the SDK is built from source (libxml2, a compiler).
The environment is kept in the user's cache, one for each set of versions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

PACKAGES = ("ovirt-engine-sdk-python==4.6.3", "ansible-core==2.19.14")
COLLECTION = "ansible==12.3.0"  # carries `ovirt.ovirt` 3.2; nothing else of it is kept
IN_CI = "ORCHESTRATOR_TEST_NOTHING_MISSING"
"""Set where a missing program is a failure of the run, not a reason to skip."""


@cache
def clients() -> Path:
    """Gives the folder of the environment. Skips the test when it cannot be made."""
    said = sha256(" ".join((sys.version, *PACKAGES, COLLECTION)).encode()).hexdigest()[:12]
    cache_dir = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache_dir / "orchestrator-tests" / f"ovirt-clients-{said}"
    if not (folder / "ready").exists():
        try:
            _make(folder)
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            output = getattr(error, "stderr", None) or b""
            reason = f"oVirt's clients cannot be installed: {error} {output.decode()[-500:]}"
            if os.environ.get(IN_CI):
                pytest.fail(reason)
            pytest.skip(reason)
    return folder


def python() -> str:
    """Gives the interpreter that has the SDK."""
    return str(clients() / "bin" / "python")


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", *PACKAGES)
    wheels = folder / "wheels"
    _run(*pip, "download", "--quiet", "--no-deps", "--dest", str(wheels), COLLECTION)
    for wheel in wheels.glob("ansible-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                folder,
                [
                    one
                    for one in archive.namelist()
                    if one.startswith("ansible_collections/ovirt/ovirt/")
                ],
            )
    shutil.rmtree(wheels)
    (folder / "ready").touch()


def _run(*program: str) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(program, check=True, capture_output=True, timeout=300, env=environment)
