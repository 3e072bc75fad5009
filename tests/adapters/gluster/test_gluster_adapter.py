"""The Gluster adapter: it starts once, follows in bulk, and never takes silence for success."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gluster import adapter
from adapters.gluster.cli import GlusterCli
from adapters.gluster.gluster import Gluster
from adapters.gluster.xml import read_detail, read_listed_tasks, read_task_id
from orchestrator import Adapter, AsyncTaskRef, FoundTask, Refused, TaskReport, TaskStatus, TryAgain
from tests.adapters.gluster.simulated import Simulated, after, follow, stored, until
from tests.adapters.gluster.test_gluster_simulator import daemon_pid

LISTING = "volume status all tasks"


def started(cluster: Simulated, gluster: Gluster) -> AsyncTaskRef:
    """A rebalance of volume `v` that runs."""
    ref = stored(gluster.rebalance("v"))
    return after(ref, gluster.start(ref, again=False))


def one_report(gluster: Gluster, ref: AsyncTaskRef) -> TaskReport:
    (report,) = gluster.poll("gluster", [ref])
    return report


def task_ids(cluster: Simulated) -> list[str]:
    reply = cluster.ask("volume", "status", "all", "tasks")
    return [one.task_id for one in read_listed_tasks(reply)]


def test_it_is_an_adapter(cluster: Simulated) -> None:
    assert isinstance(cluster.gluster(), Adapter)
    assert cluster.gluster().name == "gluster"


def test_describing_work_starts_nothing(cluster: Simulated) -> None:
    cluster.seed("v", 2)

    cluster.gluster().rebalance("v")
    cluster.gluster().remove_bricks_start("v", [cluster.brick("b0")])

    assert task_ids(cluster) == []


def test_a_task_is_followed_to_its_end(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()

    ref = started(cluster, gluster)
    report = follow(gluster, ref)

    assert report.status is TaskStatus.SUCCEEDED
    assert report.result["lookups"] == 30
    assert (report.task_id, report.external_id) == (ref.task_id, ref.external_id)


def test_a_start_whose_reply_was_lost_is_taken_over_and_not_sent_twice(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 2)
    cluster.switch(lose_reply=True, freeze=True)
    gluster = cluster.gluster()
    ref = stored(gluster.rebalance("v"))
    with pytest.raises(TryAgain):
        gluster.start(ref, again=False)

    report = gluster.start(ref, again=True)

    assert [report.external_id] == task_ids(cluster)
    assert report.status is TaskStatus.RUNNING
    assert gluster.start(ref, again=True).external_id == report.external_id


def test_a_task_that_ended_before_the_second_start_is_taken_over_too(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    ref = stored(gluster.rebalance("v"))
    first = gluster.start(ref, again=False)
    follow(gluster, after(ref, first))

    report = gluster.start(ref, again=True)

    assert report.external_id == first.external_id


def test_the_remains_of_an_older_task_are_not_taken_for_ours(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    old = read_task_id(cluster.ask("volume", "rebalance", "v", "start"))
    gluster = cluster.gluster()
    ref = stored(gluster.rebalance("v"))

    report = gluster.start(ref, again=True)  # the first call never reached Gluster

    assert report.external_id != old
    assert [report.external_id] == task_ids(cluster)


def test_a_removal_of_other_bricks_is_not_taken_for_ours(cluster: Simulated) -> None:
    cluster.seed("v", 3)
    gluster = cluster.gluster()
    ref = stored(gluster.remove_bricks_start("v", [cluster.brick("b0")]))
    cluster.ask("volume", "remove-brick", "v", cluster.brick("b1"), "start")

    with pytest.raises(Refused, match="An earlier remove-brick task exists for volume v"):
        gluster.start(ref, again=True)


def test_bricks_that_left_before_the_second_start_are_done(cluster: Simulated) -> None:
    cluster.seed("v", 3)
    gluster = cluster.gluster()
    ref = stored(gluster.remove_bricks_start("v", [cluster.brick("b0")]))
    cluster.ask("volume", "remove-brick", "v", cluster.brick("b0"), "force")

    assert gluster.start(ref, again=True).status is TaskStatus.SUCCEEDED
    with pytest.raises(Refused, match="Incorrect brick"):
        gluster.start(ref, again=False)


def test_many_tasks_are_one_listing_and_counters_take_turns(cluster: Simulated) -> None:
    cluster.switch(freeze=True)
    cli = cluster.cli()
    gluster = cluster.gluster(cli, details_per_poll=2)
    refs = []
    for name in ("v", "w", "x"):
        cluster.seed(name, 2, files=5)
        ref = replace(stored(gluster.rebalance(name)), task_id=name)
        refs.append(after(ref, gluster.start(ref, again=False)))
    cli.asked.clear()

    first = list(gluster.poll("gluster", refs))
    asked = list(cli.asked)
    list(gluster.poll("gluster", refs))

    assert [report.status for report in first] == [TaskStatus.RUNNING] * 3
    assert asked.count(LISTING) == 1
    assert len(asked) == 3
    assert "volume rebalance x status" in cli.asked[3:]  # left out the first time


def test_failures_make_a_completed_task_a_failed_one(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.ask("volume", "add-brick", "v", cluster.brick("b2"))
    cluster.switch(fail_files=["*"])
    gluster = cluster.gluster()

    report = follow(gluster, started(cluster, gluster))

    assert report.status is TaskStatus.FAILED
    assert report.result["failures"] > 0
    assert "not all files could be moved" in (report.message or "")


def test_a_failed_task_has_failed(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    (cluster.folder / "bricks" / "b1").rename(cluster.folder / "away")
    gluster = cluster.gluster()

    assert follow(gluster, started(cluster, gluster)).status is TaskStatus.FAILED


def test_what_we_stopped_is_aborted_with_the_counters_of_the_stop(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    gluster = cluster.gluster()
    ref = started(cluster, gluster)

    report = gluster.stop(ref)

    assert gluster.stop(ref) is None
    assert task_ids(cluster) == []
    assert report is not None
    assert report == one_report(gluster, ref)
    assert report.status is TaskStatus.ABORTED
    assert report.result["failures"] == 0


def test_what_somebody_else_stopped_is_lost_with_the_counters_known_last(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    gluster = cluster.gluster()
    ref = started(cluster, gluster)
    ref = after(ref, one_report(gluster, ref))
    cluster.ask("volume", "rebalance", "v", "stop")

    report = one_report(gluster, ref)

    assert report.status is TaskStatus.LOST
    assert report.result == ref.detail["counters"]


def test_stopping_leaves_a_completed_rebalance_and_other_peoples_tasks_alone(
    cluster: Simulated,
) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    ref = started(cluster, gluster)
    follow(gluster, ref)

    gluster.stop(ref)
    gluster.stop(replace(ref, external_id="another"))

    assert one_report(gluster, ref).status is TaskStatus.SUCCEEDED


def test_clearing_takes_the_bricks_of_a_failed_removal_back_into_use(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(fail_files=["*"])
    gluster = cluster.gluster()
    ref = stored(gluster.remove_bricks_start("v", [cluster.brick("b0")]))
    ref = after(ref, gluster.start(ref, again=False))
    ref = after(ref, follow(gluster, ref))

    gluster.clear(ref)
    gluster.clear(ref)

    assert task_ids(cluster) == []
    assert cluster.brick("b0") in gluster.volume_info("v").bricks


def test_clearing_leaves_a_drained_brick_for_the_commit(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    ref = stored(gluster.remove_bricks_start("v", [cluster.brick("b0")]))
    ref = after(ref, gluster.start(ref, again=False))
    ref = after(ref, follow(gluster, ref))

    gluster.clear(ref)

    assert task_ids(cluster) == [ref.external_id]


def test_a_standstill_is_told_once_and_then_passed_over_in_silence(cluster: Simulated) -> None:
    cluster.seed("v", 2, files=100)
    cluster.ask("volume", "add-brick", "v", cluster.brick("b2"))
    cluster.files_per_second = 20
    gluster = cluster.gluster()
    ref = started(cluster, gluster)
    until(lambda: daemon_pid(cluster), "a daemon")
    os.kill(daemon_pid(cluster), signal.SIGKILL)
    ref = after(ref, one_report(gluster, ref), at=cluster.now)

    cluster.now += timedelta(seconds=119)
    still_patient = one_report(gluster, ref)
    cluster.now += timedelta(seconds=2)
    told = one_report(gluster, ref)
    ref = after(ref, told, at=cluster.now)
    cluster.now += timedelta(hours=1)

    assert "no movement" not in (still_patient.message or "")
    assert told.status is TaskStatus.RUNNING
    assert "no movement since 2026-01-01T00:00:00" in (told.message or "")
    assert list(gluster.poll("gluster", [ref])) == []


def test_movement_after_a_standstill_is_news_again(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.switch(freeze=True)
    gluster = cluster.gluster()
    ref = started(cluster, gluster)
    ref = after(ref, one_report(gluster, ref), at=cluster.now)
    cluster.now += timedelta(hours=1)
    ref = after(ref, one_report(gluster, ref), at=cluster.now)
    assert list(gluster.poll("gluster", [ref])) == []

    cluster.switch(freeze=False)

    assert follow(gluster, ref).status is TaskStatus.SUCCEEDED


def test_all_that_runs_is_discovered(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    cluster.seed("w", 2)
    cluster.switch(freeze=True)
    cluster.ask("volume", "rebalance", "v", "start")
    cluster.ask("volume", "remove-brick", "w", cluster.brick("w-b0"), "start")

    found = {
        one.report.external_id: one.report
        for one in cluster.gluster().discover("gluster")
        if isinstance(one, FoundTask)
    }

    assert set(found) == set(task_ids(cluster))
    assert {report.verb: report.detail["volume"] for report in found.values()} == {
        "rebalance": "v",
        "remove_bricks": "w",
    }
    assert all(report.status is TaskStatus.RUNNING for report in found.values())


def test_nothing_is_concluded_while_gluster_does_not_answer(cluster: Simulated) -> None:
    cluster.seed("v", 2)
    gluster = cluster.gluster()
    ref = started(cluster, gluster)

    for fault in ("glusterd_down", "busy"):
        cluster.switch(**{fault: True})
        with pytest.raises(TryAgain):
            list(gluster.poll("gluster", [ref]))
        with pytest.raises(TryAgain):
            gluster.start(ref, again=True)
        with pytest.raises(TryAgain):
            gluster.stop(ref)
        cluster.switch(**{fault: False})


def test_a_program_that_is_not_there_or_hangs_concludes_nothing(tmp_path: Path) -> None:
    missing = GlusterCli([str(tmp_path / "gluster")], timeout=timedelta(seconds=15))
    hanging = GlusterCli(["sh", "-c", "sleep 60"], timeout=timedelta(seconds=0.1))

    with pytest.raises(TryAgain, match="cannot be run"):
        missing.ask("volume", "info")
    with pytest.raises(TryAgain, match="did not answer within"):
        hanging.ask("volume", "info")


def test_another_cluster_is_not_ours_to_judge(cluster: Simulated) -> None:
    with pytest.raises(TryAgain, match="ORCHESTRATOR_GLUSTER_CLUSTER"):
        list(cluster.gluster().poll("elsewhere", []))


def test_gluster_says_no_in_its_own_words(cluster: Simulated) -> None:
    cluster.seed("v", 1)
    gluster = cluster.gluster()

    with pytest.raises(Refused, match="Volume v is not a distribute volume"):
        gluster.start(stored(gluster.rebalance("v")), again=False)
    with pytest.raises(Refused, match="Volume nothere does not exist"):
        gluster.rebalance("nothere")
    with pytest.raises(Refused, match="Usage"):
        cluster.cli().ask("volume", "dance")


def test_committing_and_stopping_twice_is_fine(cluster: Simulated) -> None:
    cluster.seed("v", 3)
    gluster = cluster.gluster()
    leaving = [cluster.brick("b2")]
    ref = stored(gluster.remove_bricks_start("v", leaving))
    follow(gluster, after(ref, gluster.start(ref, again=False)))

    gluster.remove_bricks_commit("v", leaving)
    gluster.remove_bricks_commit("v", leaving)
    gluster.remove_bricks_stop("v", leaving)

    assert len(gluster.volume_info("v").bricks) == 2


def test_a_brick_in_use_is_not_taken_out_by_a_commit(cluster: Simulated) -> None:
    cluster.seed("v", 2)

    with pytest.raises(Refused, match="is not decommissioned"):
        cluster.gluster().remove_bricks_commit("v", [cluster.brick("b0")])


def test_replacing_a_brick_twice_replaces_it_once(cluster: Simulated) -> None:
    cluster.seed("v", 2, replica_count=2)
    gluster = cluster.gluster()

    for _ in range(2):
        gluster.replace_brick("v", cluster.brick("b0"), cluster.brick("new"))

    assert gluster.volume_info("v").bricks == (cluster.brick("new"), cluster.brick("b1"))


def test_the_environment_makes_the_adapter(
    cluster: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.seed("v", 2)
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_COMMAND", f"'{cluster.program}' --timeout=30")
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_CLUSTER", "north")

    task = adapter().rebalance("v", fix_layout=True)

    assert (task.scope, task.request["mode"]) == ("north", ["fix-layout"])
    report = adapter().start(stored(task), again=False)
    until(lambda: task_ids(cluster) == [report.external_id], "the task")
    detail = read_detail(cluster.ask("volume", "rebalance", "v", "status"))
    assert detail.code.name.startswith("FIX_LAYOUT")


def test_too_short_a_timeout_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_GLUSTER_TIMEOUT_S", "3")

    with pytest.raises(ValueError, match="greater than or equal to 15"):
        adapter()
