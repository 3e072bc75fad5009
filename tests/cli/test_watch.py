"""Watching a command: lines where there is no terminal, JSON for programs, codes for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

from orchestrator import TaskStatus
from orchestrator.testing import Stage
from tests import services
from tests.api.served import Broken, Guarded, Note
from tests.cli.conftest import Typing


def vendor_part(stage: Stage, command_id: str) -> str:
    tree = stage.orchestrator.tree(command_id)
    return next(one.command_id for one in tree if one.kind == "external")


def watched(stage: Stage, command_id: str, *words: str) -> list[str]:
    """Watches from a process of its own; the vendor reports progress until that is seen, then the end.

    Gives the lines that were printed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "watch", command_id, *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    part = vendor_part(stage, command_id)

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            lines.extend(line.rstrip() for line in output)

    def is_seen() -> bool:
        share = min(len(reports) / 1000, 0.99)
        reports.append(share)
        stage.report(part, TaskStatus.RUNNING, progress=share, message="on it")
        return bool(lines)

    reports: list[float] = []
    reader = threading.Thread(target=read)
    reader.start()
    try:
        services.until(is_seen, what="a first line", timeout_s=60)
        stage.report(part, TaskStatus.SUCCEEDED)
        reader.join(60)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        reader.join()
    return lines


def test_without_a_terminal_each_change_is_a_plain_line(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="watched"))
    stage.play()

    lines = watched(stage, command_id)

    assert lines[0].split()[:2] == [command_id[:8], "waiting"]
    assert lines[-1].split()[:2] == [f"{command_id[:8]}.3", "succeeded"]
    assert any(line.split() == [command_id[:8], "succeeded", "Guard", "watched"] for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_jsonl_gives_the_changes_as_the_feed_has_them(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="fed"))
    stage.play()

    events = [json.loads(line) for line in watched(stage, command_id, "-o", "jsonl")]

    assert {event["root_id"] for event in events} == {command_id}
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert (events[-1]["command_id"], events[-1]["status"]) == (command_id, "succeeded")


def test_watching_an_ended_command_ends_at_once(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Note())
    stage.play()

    assert cli("watch", command_id).exit_code == 0


def test_the_exit_status_is_asked_for(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Broken())
    stage.play()

    assert cli("watch", command_id).exit_code == 0
    assert cli("watch", command_id, "--exit-status").exit_code == 3


def test_a_watch_past_its_timeout_exits_8_and_leaves_the_command_alone(
    cli: Typing, stage: Stage
) -> None:
    command_id = stage.submit(Guarded(vm="patient"))
    stage.play()

    result = cli("watch", command_id, "--timeout", "0.2")

    assert result.exit_code == 8
    assert stage.orchestrator.get(command_id).status == "waiting"


def test_a_part_can_be_watched(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="part"))
    stage.play()

    result = cli("watch", f"{command_id[:8]}.1")

    assert result.exit_code == 0
    assert "Note first" in result.stdout
