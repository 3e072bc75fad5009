"""A real Gluster cluster of three nodes: each a network, mount and host-name namespace of its own.

All of it lives in one outer set of namespaces, whose first process takes everything with it when it
is killed: glusterd, bricks, self-heal and rebalance daemons, FUSE mounts, interfaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gluster.cli import GlusterCli
from tests.adapters.gluster.simulated import until

NODES = ("n1", "n2", "n3")
FILES = {f"d{i % 3}/f{i}": b"%d" % i * 2000 for i in range(45)}
_NEEDED = ("glusterd", "gluster", "glusterfs", "unshare", "nsenter", "ip")
_OUTER = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")

# Without keep-alive and user timeout written out, `peer probe` hangs: glusterd passes on what is
# not set as 0, which the kernel refuses.
_CONFIGURATION = """\
volume management
    type mgmt/glusterd
    option working-directory /var/lib/glusterd
    option transport-type socket
    option transport.address-family inet
    option transport.socket.keepalive-time 10
    option transport.socket.keepalive-interval 2
    option transport.socket.keepalive-count 9
    option transport.tcp-user-timeout 42
    option ping-timeout 0
    option event-threads 1
end-volume
"""

# $$ in a node is a number of the outer process namespace, where `nsenter` looks it up.
_NODE = """\
hostname {node}
mkdir -p {folder}/{node}/lib {folder}/{node}/log
mount -t tmpfs tmpfs /run
mkdir -p /run/gluster
mount --bind {folder}/{node}/lib /var/lib/glusterd
mount --bind {folder}/{node}/log /var/log/glusterfs
echo $$ > {folder}/{node}.pid
exec sleep infinity
"""

_SCRIPT = """\
set -e
mount -t tmpfs tmpfs /run
mkdir -p /var/lib/glusterd /var/log/glusterfs
ip link set lo up
ip link add name lan type bridge
ip addr add 10.77.0.254/24 dev lan
ip link set lan up
cp /etc/hosts {folder}/hosts
for i in 1 2 3; do echo "10.77.0.$i n$i" >> {folder}/hosts; done
mount --bind {folder}/hosts /etc/hosts
for i in 1 2 3; do
    ip netns add n$i
    ip link add name v$i type veth peer name eth0 netns n$i
    ip link set v$i master lan up
    ip -n n$i link set lo up
    ip -n n$i addr add 10.77.0.$i/24 dev eth0
    ip -n n$i link set eth0 up
    ip netns exec n$i unshare --mount --uts sh {folder}/n$i.sh &
done
echo $$ > {folder}/outer.pid
wait
"""


class RealNodes:
    """Three running nodes. Bricks are directories of this machine; so are the nodes' logs."""

    def __init__(self, folder: Path, outer: int) -> None:
        self.folder = folder
        self._outer = outer

    def brick(self, node: str, name: str) -> str:
        """Gives a brick by its node and the name of its directory."""
        return f"{node}:{self.folder}/{node}/{name}"

    def inside(self, node: str | None = None) -> tuple[str, ...]:
        """Gives what stands before a command so that it runs on a node, or between them."""
        outer = ("nsenter", "--target", str(self._outer), "--net", "--mount", "--pid")
        if node is None:
            return outer
        pid = (self.folder / f"{node}.pid").read_text().strip()
        return (*outer, "nsenter", "--target", pid, "--net", "--mount", "--uts")

    def run(
        self, *command: str, node: str | None = None, check: bool = True, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program on a node, or between them."""
        done = subprocess.run(
            [*self.inside(node), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def gluster(self, *words: str, node: str = "n1", check: bool = True) -> str:
        """Runs `gluster` on a node as an operator does, and gives what it prints."""
        done = self.run("gluster", "--mode=script", *words, node=node, check=check)
        return done.stdout

    def cli(self, node: str = "n1", timeout: timedelta = timedelta(seconds=30)) -> GlusterCli:
        """Gives the command line that the adapter drives."""
        return GlusterCli((*self.inside(node), "gluster"), timeout=timeout)

    def start_glusterd(self, node: str) -> None:
        """Starts a node's glusterd, and waits until it answers."""
        self.run("glusterd", "-f", f"{self.folder}/glusterd.vol", node=node)
        until(lambda: self._answers(node), f"glusterd on {node}")

    def kill(self, node: str, *programs: str) -> None:
        """Kills programs (`glusterd`, `glusterfs`, `glusterfsd`) of a node with SIGKILL."""
        # All nodes share one process namespace; the network tells whose a process is.
        mine = os.stat(f"/proc/{self._outer}/root/run/netns/{node}").st_ino
        for pid in (int(one) for one in os.listdir("/proc") if one.isdigit()):
            try:
                name = Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
                if Path(name).name in programs and os.stat(f"/proc/{pid}/ns/net").st_ino == mine:
                    os.kill(pid, 9)
            except (FileNotFoundError, ProcessLookupError):
                continue

    def kill_brick(self, brick: str) -> None:
        """Kills the process of one brick with SIGKILL."""
        node, _, path = brick.partition(":")
        self.run("pkill", "-KILL", "-f", f"[-]-brick-name {path} ", node=node)

    def wait_for_bricks(self, volume: str) -> None:
        """Waits until all bricks of a volume are online."""

        def are_online() -> bool:
            shown = self.gluster("volume", "status", volume, "--xml", check=False)
            bricks = shown.count(f"<path>{self.folder}")
            return bricks > 0 and shown.count("<status>1</status>") >= bricks

        until(are_online, f"the bricks of {volume}")

    @contextmanager
    def without_fuse(self, node: str) -> Iterator[None]:
        """Takes from a node what it needs to mount a volume."""
        self.run("mount", "--bind", "/dev/null", "/dev/fuse", node=node)
        yield
        self.run("umount", "/dev/fuse", node=node)

    def mount(self, volume: str) -> Path:
        """Mounts a volume anew, without any cached name, and gives where this machine sees it."""
        where = Path(tempfile.mkdtemp(prefix="mount-", dir=self.folder))
        self.run("glusterfs", "-s", "n1", f"--volfile-id={volume}", str(where))
        seen = Path(f"/proc/{self._outer}/root{where}")
        until(lambda: os.path.ismount(seen), f"the mount of {volume}")
        return seen

    def _answers(self, node: str) -> bool:
        return self.run("gluster", "pool", "list", node=node, check=False).returncode == 0


@contextmanager
def real_nodes() -> Iterator[RealNodes]:
    """Runs three nodes that are peers. Skips the test where this cannot be done, and says why."""
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        pytest.skip(f"needs a real Gluster: {', '.join(missing)} not on the PATH")
    if os.geteuid() != 0:
        pytest.skip("needs a real Gluster, which only root can run")
    trial = "mount -t tmpfs tmpfs /run && ip netns add n && ip link add name lan type bridge"
    can = subprocess.run([*_OUTER, "sh", "-c", trial], capture_output=True, text=True, check=False)
    if can.returncode:
        pytest.skip(f"needs nodes in namespaces, which cannot be made here: {can.stderr.strip()}")
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))  # short: it goes into names of sockets
    (folder / "glusterd.vol").write_text(_CONFIGURATION)
    (folder / "outer.sh").write_text(_SCRIPT.format(folder=folder))
    for node in NODES:
        (folder / f"{node}.sh").write_text(_NODE.format(node=node, folder=folder))
    with (folder / "script.log").open("w") as log:
        process = subprocess.Popen(
            [*_OUTER, "sh", str(folder / "outer.sh")], stdout=log, stderr=log
        )
    try:
        until(lambda: all((folder / f"{n}.pid").exists() for n in NODES), "the namespaces")
        (outer,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        nodes = RealNodes(folder, int(outer))
        for node in NODES:
            nodes.start_glusterd(node)
        for peer in NODES[1:]:
            nodes.gluster("peer", "probe", peer)
        until(lambda: nodes.gluster("peer", "status").count("(Connected)") == 2, "the peers")
        yield nodes
    finally:
        process.kill()  # and with it, --kill-child, all that lives in its namespaces
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def filled(
    nodes: RealNodes,
    volume: str,
    *kind: str,
    on: Collection[str] = NODES,
    files: Mapping[str, bytes] = FILES,
) -> list[str]:
    """Makes a volume with a brick on each node and the files in it; gives the bricks."""
    bricks = [nodes.brick(node, f"{volume}-{node}") for node in on]
    nodes.gluster("volume", "create", volume, *kind, *bricks, "force")
    nodes.gluster("volume", "start", volume)
    mounted = nodes.mount(volume)
    for name, content in files.items():
        (mounted / name).parent.mkdir(exist_ok=True)
        (mounted / name).write_bytes(content)
    return bricks


def contents(folder: Path | str) -> dict[str, bytes]:
    """Gives all files in a mount, or on a brick (`host:/path`), with what is in them."""
    root = Path(str(folder).partition(":")[2] or folder)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".glusterfs" not in path.parts
    }


def empty(brick: str) -> None:
    """Does to a brick what a new disk does."""
    folder = Path(brick.partition(":")[2])
    shutil.rmtree(folder)
    folder.mkdir()
