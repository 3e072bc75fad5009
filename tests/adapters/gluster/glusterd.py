"""A real glusterd in namespaces of its own, for the tests that compare with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adapters.gluster.simulated import CountingCli, until

_NEEDED = ("glusterd", "gluster", "glusterfs", "unshare", "ip")

_CONFIGURATION = """\
volume management
    type mgmt/glusterd
    option working-directory {folder}/work
    option run-directory {folder}/run
    option logging-directory {folder}/log
    option glusterd-sockfile {folder}/sock
    option transport-type socket
    option transport.address-family inet
    option transport.socket.bind-address 127.0.0.1
end-volume
"""

# Bricks must not be on "localhost", so this machine gets another name, in here only.
# A volume `v` is filled through a mount of it, then given a third brick that has no files yet.
_SCRIPT = """\
set -e
cd {folder}
ip link set lo up
cp /etc/hosts hosts
echo "127.0.0.1 host" >> hosts
mount --bind hosts /etc/hosts
glusterd -N -f glusterd.vol -p pid -l log/glusterd.log &
ask() {{
    gluster --mode=script --glusterd-sock={folder}/sock --log-file={folder}/log/cli.log "$@"
}}
until ask volume list > /dev/null 2>&1; do sleep 0.1; done
ask volume create v host:{folder}/b0 host:{folder}/b1 force
ask volume start v
ask volume create off host:{folder}/off-b0 host:{folder}/off-b1 force
ask volume start off
ask volume stop off
ask volume create one host:{folder}/one-b0 force
ask volume start one
mkdir mounted
glusterfs -s host --volfile-id=v mounted
i=0
while [ $i -lt {files} ]; do echo "content $i" > mounted/f$i; i=$((i + 1)); done
umount mounted
ask volume add-brick v host:{folder}/b2 force
touch ready
wait
"""


class RealCluster:
    """A running glusterd; it can be asked from outside of its namespaces through its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = (
            "gluster",
            f"--glusterd-sock={folder}/sock",
            f"--log-file={folder}/log/cli.log",
        )

    def brick(self, name: str) -> str:
        """Gives a brick by the name of its directory."""
        return f"host:{self.folder}/{name}"

    def cli(self) -> CountingCli:
        """Gives the command line that the adapter drives."""
        return CountingCli(self.command)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the program as anybody might."""
        return subprocess.run(
            [*self.command, "--mode=script", *words, "--xml"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def files(self, brick: str) -> set[str]:
        """Gives the names of the files on a brick, without the pointers that Gluster leaves."""
        # A pointer to a file on another brick is empty, and has no permission but the sticky bit.
        found = (self.folder / brick).glob("f*")
        return {path.name for path in found if path.stat().st_mode & 0o777}


@contextmanager
def real_cluster(files: int) -> Iterator[RealCluster]:
    """Runs a glusterd with volumes `v` (3 bricks, the last one empty), `off` (stopped) and `one`.

    Skips the test where there is no glusterd, or no right to make namespaces.
    """
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        pytest.skip(f"needs a real glusterd: {', '.join(missing)} not on the PATH")
    if os.geteuid() != 0:
        pytest.skip("needs a real glusterd, which only root can run")
    isolated = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a real glusterd in namespaces of its own, which may not be made here")
    folder = Path(tempfile.mkdtemp(prefix="glusterd-"))  # short: it goes into a socket's name
    for name in ("work", "run", "log", "b0", "b1", "b2"):
        (folder / name).mkdir()
    (folder / "glusterd.vol").write_text(_CONFIGURATION.format(folder=folder))
    script = _SCRIPT.format(folder=folder, files=files)
    with (folder / "log" / "script.log").open("w") as log:
        process = subprocess.Popen([*isolated, "sh", "-c", script], stdout=log, stderr=log)
    try:
        until((folder / "ready").exists, "a real glusterd with its volumes", seconds=40)
        yield RealCluster(folder)
    finally:
        process.kill()  # and with it, --kill-child, all that lives in its namespaces
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)
