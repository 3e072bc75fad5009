"""The peers' own virtual environments, made on demand and kept in the cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import Peer

REQUIREMENTS = Path(__file__).parent / "peers"
INSTALL_DEADLINE_S = 900


class NotAvailableError(Exception):
    """A peer cannot be run here; the text says why."""


def cache() -> Path:
    """Gives the folder of the environments; ORCHESTRATOR_BENCH_CACHE moves it."""
    chosen = os.environ.get("ORCHESTRATOR_BENCH_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "orchestrator-bench"


def python_for(peer: Peer) -> Path:
    """Gives the Python of the peer's environment, installing it first if need be.

    Raises `NotAvailableError` when a Python, a package or npm is missing.
    """
    if peer.environment is None:
        return Path(sys.executable)
    wanted = REQUIREMENTS / f"{peer.environment}.txt"
    room = cache() / peer.environment
    stamp = room / "installed"
    text = wanted.read_text() + "".join(peer.node_packages)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(room, ignore_errors=True)
        _install(peer, wanted, room)
        stamp.write_text(digest)
    return room / "bin" / "python"


def _install(peer: Peer, wanted: Path, room: Path) -> None:
    python = _find_python(peer.python)
    if python == Path(sys.executable):
        venv.create(room, with_pip=True)
    else:
        _call([str(python), "-m", "venv", str(room)])
    _call([str(room / "bin" / "pip"), "install", "--quiet", "--requirement", str(wanted)])
    if peer.node_packages:
        if shutil.which("npm") is None:
            raise NotAvailableError("npm is not installed")
        # Without scripts: packages that report home when they are installed do not get to.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(room)]
        _call(["npm", "install", *options, *peer.node_packages])


def _find_python(least: tuple[int, int]) -> Path:
    """Gives an interpreter of at least that version: this, one on the path, or one of pyenv's."""
    if sys.version_info[:2] >= least:
        return Path(sys.executable)
    names = [f"python3.{minor}" for minor in range(least[1], least[1] + 4)]
    homes = sorted(Path.home().glob(".pyenv/versions/*/bin"))
    candidates = [Path(found) for name in names if (found := shutil.which(name))]
    candidates += [home / name for home in homes for name in names if (home / name).exists()]
    for candidate in candidates:
        # A shim of pyenv may be on the path and still point to no interpreter.
        if subprocess.run([candidate, "-V"], check=False, capture_output=True).returncode == 0:
            return candidate
    raise NotAvailableError(f"needs Python {least[0]}.{least[1]} or newer, none was found")


def _call(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S
        )
    except subprocess.TimeoutExpired:
        raise NotAvailableError(f"{command[0]} took over {INSTALL_DEADLINE_S} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise NotAvailableError(f"{Path(command[0]).name}: {lines[-1] if lines else 'failed'}")
