"""Makes simulated clusters: an executable to drive one, volumes with files, and what lies where."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.gluster.simulator import volumes
from adapters.gluster.simulator.placement import brick_path, place, walk
from adapters.gluster.simulator.state import STARTED, Cluster


def install(
    path: Path, state_dir: Path, *, start_s: float = 5.0, files_per_second: float = 60.0
) -> Path:
    """Writes an executable that is used as `gluster` is, for the cluster in `state_dir`.

    `start_s` is how long the start of a task takes (the real one: 5 s; a stop, a commit and a
    replacement a quarter of it); `files_per_second` how fast
    its daemon moves files, 0 for as fast as can be.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    settings = {
        "GLUSTER_SIMULATOR_STATE": state_dir.resolve(),
        "GLUSTER_SIMULATOR_START_SECONDS": f"${{GLUSTER_SIMULATOR_START_SECONDS-{start_s}}}",
        "GLUSTER_SIMULATOR_FILES_PER_SECOND": (
            f"${{GLUSTER_SIMULATOR_FILES_PER_SECOND-{files_per_second}}}"
        ),
        "PYTHONPATH": Path(__file__).resolve().parents[3],
    }
    lines = ["#!/bin/sh"]
    lines += [f'export {name}="{value}"' for name, value in settings.items()]
    # -S leaves out the packages that are installed: the simulator needs none, and starts in half
    # the time
    lines += [f'exec "{sys.executable}" -S -m adapters.gluster.simulator "$@"', ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def seed(
    state_dir: Path,
    volume: str,
    bricks: Sequence[str],
    files: Mapping[str, bytes],
    *,
    replica_count: int = 1,
    kind: Sequence[str] = (),
) -> None:
    """Makes a started volume of bricks (`host:/path`) with these files, each where it belongs.

    `kind` is what `volume create` is told before the bricks, for instance `("disperse", "3")`.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(state_dir)
    words = [*(kind or (["replica", str(replica_count)] if replica_count > 1 else [])), *bricks]
    for brick in bricks:
        brick_path(brick).parent.mkdir(parents=True, exist_ok=True)
    with cluster.locked():
        answer = volumes.create(cluster, volume, words)
        if volume not in cluster.volumes or "<opRet>0<" not in answer.stdout:
            raise ValueError(f"volume {volume!r} cannot be made: {answer.stdout}{answer.stderr}")
        cluster.volumes[volume]["status"] = STARTED
    for name, content in files.items():
        write_file(state_dir, volume, name, content)


def write_file(state_dir: Path, volume: str, name: str, content: bytes) -> None:
    """Writes a file as a client of the volume does: to where the layout puts its name."""
    cluster = Cluster(state_dir)
    with cluster.locked():
        layout = cluster.volumes[volume]["layout"]
    for brick in place(Path(name).name, layout):
        target = brick_path(brick) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def files_on(brick: str) -> tuple[str, ...]:
    """Gives the names of the files that lie on a brick, in order."""
    return tuple(sorted(walk(brick)))
