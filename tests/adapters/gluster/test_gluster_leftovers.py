"""What stays behind on bricks that were taken out is named."""

from __future__ import annotations

from pathlib import Path

from adapters.gluster.gluster import Gluster
from adapters.gluster.leftovers import Leftovers
from tests.adapters.gluster.simulated import Simulated, after, follow, stored


def a_brick(folder: Path) -> str:
    """A brick with two files, a link, a pointer of Gluster's, and Gluster's own files."""
    (folder / ".glusterfs" / "aa").mkdir(parents=True)
    (folder / ".glusterfs" / "aa" / "id").touch()
    (folder / "d e").mkdir()
    (folder / "d e" / "full").write_text("content")
    (folder / "empty").touch()
    (folder / "link").symlink_to("empty")
    (folder / "pointer").touch()
    (folder / "pointer").chmod(0o1000)
    return f"h1:{folder}"


def test_files_and_links_are_named_and_glusters_own_are_not(tmp_path: Path) -> None:
    told = Leftovers(("env",)).tell([a_brick(tmp_path / "b; touch broken")])

    assert told.startswith("3 files were left behind on h1:")
    assert told.endswith(": d e/full, empty, link")


def test_the_host_is_asked_through_its_shell(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\nshift\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    brick = a_brick(tmp_path / f"b;touch {tmp_path.name}")

    told = Leftovers((str(ssh), "root@{host}")).tell([brick])

    assert (tmp_path / "asked").read_text() == "root@h1\n"
    assert told.startswith("3 files were left behind")


def test_what_cannot_be_seen_is_said() -> None:
    assert "could not be seen" in Leftovers(("false",)).tell(["h1:/b"])
    assert "look on them" in Leftovers().tell(["h1:/b"])


def test_a_commit_names_what_stayed_behind(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = Gluster(cluster.cli(), leftovers=Leftovers(("env",)), now=lambda: cluster.now)
    brick = cluster.brick("b1")
    drain = stored(gluster.remove_bricks_start("v", [brick]))
    follow(gluster, after(drain, gluster.start(drain, again=False)))
    (cluster.folder / "bricks" / "b1" / "late").write_text("written past Gluster")

    commit = stored(gluster.commit_bricks("v", [brick]))
    report = gluster.start(commit, again=False)

    assert f"1 files were left behind on {brick}: late" in (report.message or "")
