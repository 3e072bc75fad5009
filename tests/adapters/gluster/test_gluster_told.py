"""What is told of a task beside its status: nodes, where to look, rate, time left, warnings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.gluster.cli import GlusterCli
from adapters.gluster.gluster import Gluster
from orchestrator import FoundTask, TaskReport, TaskStatus, TryAgain
from tests.adapters.gluster.simulated import Simulated, after, follow, stored

RUNNING = """\
<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volRebalance>
<task-id>t</task-id><op>3</op><nodeCount>1</nodeCount><node><nodeName>localhost</nodeName><id>n</id>
{0}</node><aggregate>{0}</aggregate></volRebalance></cliOutput>""".format(
    "<files>3000</files><size>9000000000</size><lookups>6000</lookups><failures>0</failures>"
    "<skipped>0</skipped><status>1</status><statusStr>in progress</statusStr>"
    "<runtime>900.00</runtime>"
)
LISTED = """\
<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volStatus><volumes><volume>
<volName>v</volName><tasks><task><type>Rebalance</type><id>t</id><status>1</status>
<statusStr>in progress</statusStr></task></tasks></volume></volumes></volStatus></cliOutput>"""
IN_WORDS = "Estimated time left for rebalance to complete :        1:15:00\n"


def spread_over_hosts(cluster: Simulated) -> None:
    """A volume with one brick on each of three nodes."""
    bricks = [f"n{i}:{cluster.folder}/bricks/b{i}" for i in (1, 2, 3)]
    cluster.ask("volume", "create", "v", *bricks, "force")
    cluster.ask("volume", "start", "v")


def rebalanced(cluster: Simulated) -> TaskReport:
    gluster = cluster.gluster()
    task = stored(gluster.rebalance("v"))
    return follow(gluster, after(task, gluster.start(task, again=False)))


def test_nodes_that_failed_are_named_with_their_log(cluster: Simulated) -> None:
    spread_over_hosts(cluster)
    cluster.switch(failed_nodes=["n2", "n3"])

    report = rebalanced(cluster)

    assert report.status is TaskStatus.FAILED
    assert "n2 failed with 1 failures, n3 failed with 1 failures" in (report.message or "")
    assert "why is in /var/log/glusterfs/v-rebalance.log there" in (report.message or "")
    told = {one["node"]: one["status"] for one in report.detail["nodes"]}
    assert told == {"n2": "FAILED", "n3": "FAILED", "localhost": "COMPLETED"}
    assert (report.detail["type"], report.detail["status"]) == ("REBALANCE", "FAILED")


def test_a_success_blames_no_node(cluster: Simulated) -> None:
    spread_over_hosts(cluster)

    report = rebalanced(cluster)

    assert report.status is TaskStatus.SUCCEEDED
    assert "why is in" not in (report.message or "")
    assert report.detail["status"] == "COMPLETED"


def test_a_stop_keeps_its_counters_and_warns(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    gluster = cluster.gluster()
    task = stored(gluster.rebalance("v"))
    task = after(task, gluster.start(task, again=False))

    report = gluster.stop(task)

    assert report is not None
    assert (report.detail["status"], report.detail["type"]) == ("ABORTED", "REBALANCE")
    assert report.detail["counters"] == report.result
    assert report.detail["nodes"]
    assert "run gluster.volume.rebalance" in (report.message or "")


def test_rate_and_time_left_are_told_when_gluster_tells_them() -> None:
    script = 'case "$*" in *"status all"*) printf %s "$1";; *--xml) printf %s "$2";; *) printf %s "$3";; esac'
    command = ["sh", "-c", script, "sh", LISTED, RUNNING, IN_WORDS]
    gluster = Gluster(GlusterCli(command, timeout=timedelta(seconds=15)))

    (found,) = gluster.discover("gluster")
    assert isinstance(found, FoundTask)
    report = found.report

    assert "3.3 files and 10.0 MB a second, 1:15:00 left" in (report.message or "")
    assert report.progress == 900 / (900 + 4500)
    assert report.detail["left_s"] == 4500


def test_a_task_that_reads_failed_though_all_was_moved_is_not_called_a_success(
    cluster: Simulated,
) -> None:
    """Seen on a real one after its daemon had crashed: only a person can tell."""
    cluster.seed("v", 2)
    cluster.switch(done_but_failed=True)

    report = rebalanced(cluster)

    assert report.status is TaskStatus.FAILED
    assert (report.message or "").startswith("failed: ")


def test_a_busy_volume_is_no_refusal_whatever_is_asked_of_it(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(busy_volumes=["v"])
    cli = cluster.cli()

    for words in ("rebalance v start", "rebalance v status", "status v tasks", "start v force"):
        with pytest.raises(TryAgain, match="Another transaction is in progress"):
            cli.ask("volume", *words.split())
