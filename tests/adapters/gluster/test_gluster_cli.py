"""The command line of Gluster: only Gluster's own no refuses, and nothing is left running."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gluster.cli import GlusterCli, GlusterRefused
from orchestrator import TryAgain
from tests.adapters.gluster.simulated import Simulated, until

REFUSAL = "<cliOutput><opRet>-1</opRet><opErrno>30800</opErrno><opErrstr>{}</opErrstr></cliOutput>"


def printing(stdout: str = "", stderr: str = "", *, then: str = "exit 1") -> GlusterCli:
    """A program that prints this whatever it is asked."""
    script = f'printf %s "$1"; printf %s "$2" >&2; {then}'
    return GlusterCli(["sh", "-c", script, "sh", stdout, stderr], timeout=timedelta(seconds=15))


@pytest.mark.parametrize(
    ("stdout", "stderr", "then"),
    [
        ("", "ssh: connect to host g1 port 22: Connection refused", "exit 255"),
        ("", "sudo: a password is required", "exit 1"),
        ("", "sh: 1: gluster: not found", "exit 127"),
        ("", "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]", "exit 255"),
        ("", "Usage: env [OPTION]... [-] [NAME=VALUE]... [COMMAND [ARG]...]", "exit 1"),
        ("", "\nUsage:\nvolume status\n", "exit 255"),
        ("", "", "exit 0"),
        ("Welcome to g1", "", "exit 0"),
        ("<html/>", "", "exit 0"),
        (REFUSAL.format("no")[:40], "", "exit 0"),
        (REFUSAL.format(""), "", "exit 1"),
        (REFUSAL.format("no").replace("-1", "x"), "", "exit 1"),
        (REFUSAL.format("no"), "", "kill -9 $$"),
    ],
)
def test_what_is_no_answer_of_gluster_refuses_nothing(stdout: str, stderr: str, then: str) -> None:
    with pytest.raises(TryAgain):
        printing(stdout, stderr, then=then).ask("volume", "remove-brick", "v", "h:/b", "commit")


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [
        (REFUSAL.format("Volume v does not exist"), ""),
        ("", "\nUsage:\nvolume replace-brick <VOLNAME> <SOURCE-BRICK>\n\n"),
        ("unrecognized word: dance (position 1)\n\n Usage: gluster [options]", ""),
    ],
)
def test_a_no_of_gluster_refuses(stdout: str, stderr: str) -> None:
    with pytest.raises(GlusterRefused):
        printing(stdout, stderr).ask("volume", "dance")


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {noted}; wait"
    hanging = GlusterCli(["sh", "-c", script], timeout=timedelta(seconds=1))

    with pytest.raises(TryAgain, match="did not answer within 1 s"):
        hanging.ask("volume", "info")

    child = int(noted.read_text())
    until(lambda: not is_running(child), "the end of the child")


def test_a_program_that_leaves_a_child_with_its_output_is_not_waited_for(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    leaving = GlusterCli(
        ["sh", "-c", f"sleep 600 & echo $! > {noted}"], timeout=timedelta(seconds=1)
    )
    begun = time.monotonic()

    with pytest.raises(TryAgain):
        leaving.ask("volume", "info")

    assert time.monotonic() - begun < 60
    until(lambda: not is_running(int(noted.read_text())), "the end of the child")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_volume_that_is_down_is_not_a_removal_that_has_ended(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    down = cluster.gluster(printing(REFUSAL.format("Volume v is not started")))

    with pytest.raises(GlusterRefused, match="is not started"):
        down.remove_bricks_stop("v", [cluster.brick("b1")])
    for text in ("remove-brick not started for volume v.", "Rebalance not started for volume v."):
        cluster.gluster(printing(REFUSAL.format(text))).remove_bricks_stop("v", ["host:/b"])


def test_a_remote_gluster_that_keeps_silent_is_explained() -> None:
    """A real one with --remote-host answers reads, and ends with 1 and no word on a change."""
    command = ["sh", "-c", "exit 1", "--remote-host=g2"]

    with pytest.raises(TryAgain, match="only reads; to change something, run it by ssh"):
        GlusterCli(command, timeout=timedelta(seconds=15)).ask("volume", "rebalance", "v", "start")
