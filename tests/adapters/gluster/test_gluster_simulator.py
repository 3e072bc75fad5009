"""The simulator says and does what Gluster says and does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from adapters.gluster.simulator import write_file
from adapters.gluster.xml import read_detail, read_listed_tasks, read_task_id
from tests.adapters.gluster.simulated import Simulated, until

REBALANCE = ("volume", "rebalance", "v")
REMOVE = ("volume", "remove-brick", "v")


def grow(cluster: Simulated, files: int = 30) -> None:
    """A volume of two bricks whose files have yet to reach a third."""
    cluster.seed("v", 2, files)
    cluster.ask("volume", "add-brick", "v", cluster.brick("b2"))


def code(cluster: Simulated, *words: str) -> int:
    return int(read_detail(cluster.ask(*words)).code)


def until_ended(cluster: Simulated, *words: str) -> None:
    until(lambda: code(cluster, *words) not in (1, 5), "the end of the task")


def daemon_pid(cluster: Simulated) -> int:
    """The process that moves files; 0 while it has yet to say who it is."""
    (path,) = (cluster.state_dir / "tasks").glob("*.progress")
    return int(json.loads(path.read_text())["pid"])


def test_a_rebalance_brings_files_to_a_new_brick_and_loses_none(cluster: Simulated) -> None:
    grow(cluster, files=60)
    before = {*cluster.files("b0"), *cluster.files("b1")}

    task_id = read_task_id(cluster.ask(*REBALANCE, "start"))
    until_ended(cluster, *REBALANCE, "status")

    detail = read_detail(cluster.ask(*REBALANCE, "status"))
    on = [set(cluster.files(f"b{i}")) for i in range(3)]
    assert detail.task_id == task_id
    assert (detail.counters.lookups, detail.counters.failures) == (60, 0)
    assert 0 < len(on[2]) <= detail.counters.files
    assert on[0] | on[1] | on[2] == before
    assert sum(map(len, on)) == 60


def test_fix_layout_moves_nothing_and_has_its_own_numbers(cluster: Simulated) -> None:
    grow(cluster)

    cluster.ask(*REBALANCE, "fix-layout", "start")
    until_ended(cluster, *REBALANCE, "status")

    assert code(cluster, *REBALANCE, "status") == 7
    (listed,) = read_listed_tasks(cluster.ask("volume", "status", "all", "tasks"))
    assert int(listed.code) == 3  # the list calls it plainly completed
    assert cluster.files("b2") == ()


def test_a_stopped_task_is_forgotten_and_its_reply_is_the_last_word(cluster: Simulated) -> None:
    grow(cluster, files=200)
    cluster.files_per_second = 50
    cluster.ask(*REBALANCE, "start")

    reply = cluster.ask(*REBALANCE, "stop")

    assert int(read_detail(reply).code) == 2
    assert read_listed_tasks(cluster.ask("volume", "status", "v", "tasks")) == ()
    gone = cluster.run(*REBALANCE, "status")
    assert gone.returncode == 1
    assert "Rebalance not started for volume v." in gone.stdout


def test_stopping_a_completed_task_answers_completed_and_forgets_it(cluster: Simulated) -> None:
    grow(cluster)
    cluster.ask(*REBALANCE, "start")
    until_ended(cluster, *REBALANCE, "status")

    assert code(cluster, *REBALANCE, "stop") == 3
    assert read_listed_tasks(cluster.ask("volume", "status", "all", "tasks")) == ()


def test_bricks_leave_in_two_steps(cluster: Simulated) -> None:
    cluster.seed("v", 3, files=60)
    leaving = cluster.brick("b1")

    started = cluster.ask(*REMOVE, leaving, "start")
    until_ended(cluster, *REMOVE, leaving, "status")
    drained = cluster.files("b1")
    committed = cluster.ask(*REMOVE, leaving, "commit")

    assert started.text == "Remove Brick start successful"
    assert drained == ()
    assert committed.text == "Remove Brick commit successful"
    assert len({*cluster.files("b0"), *cluster.files("b2")}) == 60
    assert leaving not in cluster.run("volume", "info", "v").stdout


def test_completed_with_failures_can_only_be_committed_by_force(cluster: Simulated) -> None:
    cluster.seed("v", 2, files=20)
    cluster.switch(full_bricks=[cluster.brick("b0")])
    leaving = cluster.brick("b1")
    cluster.ask(*REMOVE, leaving, "start")
    until_ended(cluster, *REMOVE, leaving, "status")

    detail = read_detail(cluster.ask(*REMOVE, leaving, "status"))

    assert int(detail.code) == 3
    assert detail.counters.failures == len(cluster.files("b1")) > 0
    no = cluster.ask(*REMOVE, leaving, "commit")
    assert no.text.startswith("use 'force' option as migration of some files might have been")
    forced = cluster.ask(*REMOVE, leaving, "force")
    assert forced.text == "Remove Brick commit force successful"


def test_hard_links_are_skipped_by_a_rebalance_and_kept_by_remove_brick(
    cluster: Simulated,
) -> None:
    grow(cluster, files=40)
    folder = cluster.folder / "bricks" / "b0"
    for name in cluster.files("b0"):
        os.link(folder / name, folder / f"{name}.link")

    cluster.ask(*REBALANCE, "start")
    until_ended(cluster, *REBALANCE, "status")
    skipped = read_detail(cluster.ask(*REBALANCE, "status")).counters.skipped
    cluster.ask(*REMOVE, cluster.brick("b0"), "start")
    until_ended(cluster, *REMOVE, cluster.brick("b0"), "status")

    assert skipped > 0
    assert cluster.files("b0") == ()


def test_a_killed_daemon_leaves_a_task_in_progress_that_stands_still(cluster: Simulated) -> None:
    grow(cluster, files=200)
    cluster.files_per_second = 20
    cluster.ask(*REBALANCE, "start")
    until(lambda: daemon_pid(cluster), "a daemon")

    os.kill(daemon_pid(cluster), signal.SIGKILL)
    cluster.ask("volume", "list")
    first = read_detail(cluster.ask(*REBALANCE, "status"))

    assert int(first.code) == 1
    assert read_detail(cluster.ask(*REBALANCE, "status")) == first
    cluster.switch(killed_daemon="failed")
    assert code(cluster, *REBALANCE, "status") == 4
    again = read_task_id(cluster.ask(*REBALANCE, "start"))  # accepted at once
    assert again != first.task_id


def test_glusterd_starts_a_new_daemon_for_the_same_task_when_it_comes_back(
    cluster: Simulated,
) -> None:
    grow(cluster, files=100)
    cluster.files_per_second = 20
    task_id = read_task_id(cluster.ask(*REBALANCE, "start"))
    until(lambda: daemon_pid(cluster), "a daemon")
    cluster.switch(glusterd_down=True)
    down = cluster.run("volume", "list")
    os.kill(daemon_pid(cluster), signal.SIGKILL)
    cluster.files_per_second = 0

    cluster.switch(glusterd_down=False)
    until_ended(cluster, *REBALANCE, "status")

    detail = read_detail(cluster.ask(*REBALANCE, "status"))
    assert (down.returncode, down.stdout) == (
        1,
        "Connection failed. Please check if gluster daemon is operational.\n",
    )
    assert (detail.task_id, int(detail.code)) == (task_id, 3)


def test_a_missing_brick_fails_the_task(cluster: Simulated) -> None:
    grow(cluster)
    (cluster.folder / "bricks" / "b2").rmdir()

    cluster.ask(*REBALANCE, "start")
    until_ended(cluster, *REBALANCE, "status")

    detail = read_detail(cluster.ask(*REBALANCE, "status"))
    assert (int(detail.code), detail.counters.failures) == (4, 1)


def test_a_start_takes_its_time_and_all_others_queue_behind_it(cluster: Simulated) -> None:
    grow(cluster)
    slow = {**os.environ, "GLUSTER_SIMULATOR_START_SECONDS": "0.6"}
    command = [str(cluster.program), *REBALANCE, "start"]
    start = subprocess.Popen(command, env=slow, stdout=subprocess.DEVNULL)
    until(lambda: list((cluster.state_dir / "tasks").glob("*.job")), "a job")

    began = time.monotonic()
    cluster.ask("volume", "list")
    waited_s = time.monotonic() - began

    assert start.wait(timeout=10) == 0
    assert waited_s > 0.3


def test_a_replaced_brick_is_healed_from_its_replica(cluster: Simulated) -> None:
    cluster.seed("v", 2, files=10, replica_count=2)

    reply = cluster.ask(
        *("volume", "replace-brick", "v", cluster.brick("b0"), cluster.brick("new")),
        *("commit", "force"),
    )

    assert reply.text == "replace-brick commit force operation successful"
    until(lambda: cluster.files("new") == cluster.files("b1"), "the heal")
    heal = cluster.run("volume", "heal", "v")
    assert heal.stdout.startswith("Launching heal operation")  # no XML, though it was asked for


def test_a_request_that_nobody_knows_prints_usage_and_no_xml(cluster: Simulated) -> None:
    old_style = cluster.run("volume", "replace-brick", "v", "h:/a", "h:/b", "start")

    assert (old_style.returncode, old_style.stdout) == (1, "")
    assert "Usage" in old_style.stderr


NO = {
    "unknown volume": (("rebalance", "x", "status"), 1, "Volume x does not exist"),
    "none to show": (("rebalance", "v", "status"), 1, "Rebalance not started for volume v."),
    "none to stop": (("rebalance", "v", "stop"), 1, "Rebalance not started for volume v."),
    "no removal": (
        ("remove-brick", "v", "@b0", "stop"),
        0,
        "remove-brick not started for volume v.",
    ),
    "no such brick": (("remove-brick", "v", "@zz", "start"), 0, "Incorrect brick @zz for volume v"),
    "not leaving": (
        ("remove-brick", "v", "@b0", "commit"),
        0,
        "Brick @b0 is not decommissioned. Use start or force option",
    ),
    "all bricks": (
        ("remove-brick", "v", "@b0", "@b1", "@b2", "start"),
        0,
        "Deleting all the bricks of the volume is not allowed",
    ),
    "not started": (
        ("rebalance", "off", "start"),
        0,
        "Volume off needs to be started to perform rebalance",
    ),
    "one brick": (
        ("rebalance", "one", "start"),
        0,
        "Volume one is not a distribute volume or contains only 1 brick.\nNot performing rebalance",
    ),
    "no replicas": (
        ("replace-brick", "v", "@b0", "@zz", "commit", "force"),
        0,
        (
            "replace-brick is not permitted on distribute only volumes. "
            "Please use add-brick and remove-brick operations instead."
        ),
    ),
}


def test_requests_that_make_no_sense_are_refused_in_glusters_words(cluster: Simulated) -> None:
    cluster.seed("v", 3, 0)
    cluster.seed("off", 2, 0)
    cluster.seed("one", 1, 0)
    cluster.ask("volume", "stop", "off")

    for what, (words, exit_code, text) in NO.items():
        asked = [word.replace("@", cluster.brick("")) for word in words]
        said = cluster.run("volume", *asked)
        assert said.returncode == exit_code, what
        assert cluster.ask("volume", *asked).text == text.replace("@", cluster.brick("")), what


@pytest.mark.parametrize(
    ("running", "asked", "text"),
    [
        ("rebalance", "rebalance v start", "Rebalance on v is already started"),
        (
            "rebalance",
            "remove-brick v @b0 start",
            "Rebalance is in progress. Please retry after completion",
        ),
        (
            "rebalance",
            "add-brick v @zz",
            "Volume name v rebalance is in progress. Please retry after completion",
        ),
        ("rebalance", "stop v", "rebalance session is in progress for the volume 'v'"),
        (
            "removal",
            "rebalance v start",
            (
                "A remove-brick task on volume v is not yet committed. "
                "Either commit or stop the remove-brick task."
            ),
        ),
        (
            "removal",
            "remove-brick v @b0 start",
            (
                "An earlier remove-brick task exists for volume v. "
                "Either commit it or stop it before starting a new task."
            ),
        ),
        ("removal", "remove-brick v @b1 status", "Incorrect brick for volume v"),
        ("removal", "remove-brick v @b0 commit", "use 'force' option as migration is in progress"),
    ],
)
def test_what_may_not_be_done_beside_a_running_task(
    cluster: Simulated, running: str, asked: str, text: str
) -> None:
    grow(cluster, files=100)
    cluster.switch(freeze=True)
    start = REBALANCE if running == "rebalance" else (*REMOVE, cluster.brick("b0"))
    read_task_id(cluster.ask(*start, "start"))

    said = cluster.run("volume", *asked.replace("@", cluster.brick("")).split())

    assert said.returncode == 0  # the exit code does not tell
    assert cluster.ask("volume", *asked.replace("@", cluster.brick("")).split()).text == text


def test_a_file_is_written_where_the_layout_wants_it(cluster: Simulated) -> None:
    cluster.seed("v", 3, 0)

    write_file(cluster.state_dir, "v", "deep/inside/name", b"x")

    assert sum(cluster.files(f"b{i}") == ("deep/inside/name",) for i in range(3)) == 1
