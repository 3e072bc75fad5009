"""Commands by hand: submit, list, show, order about; and the exit code of each failure."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Broken, Guarded, Note, Served, Wide
from tests.cli.conftest import Typing, json_of, playing


def test_submit_prints_the_id_and_the_label(cli: Typing) -> None:
    result = cli("submit", "test.note", "-p", "text=hello")

    assert result.exit_code == 0
    assert "Note hello" in result.stdout
    assert result.stderr == ""


def test_a_parameter_is_json_where_it_is_json_and_text_elsewhere(cli: Typing) -> None:
    number = json_of(cli("submit", "test.wide", "-p", "width=3", "-o", "json"))
    text = json_of(cli("submit", "test.note", "-p", "text=3 apples", "-o", "json"))

    assert number["label"] == "Wide 3"
    assert text["label"] == "Note 3 apples"


def test_pairs_outweigh_the_file(cli: Typing, tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps({"text": "from the file"}))

    kept = json_of(cli("submit", "test.note", "--params-file", str(file), "-o", "json"))
    outweighed = json_of(
        cli("submit", "test.note", "--params-file", str(file), "-p", "text=mine", "-o", "json")
    )

    assert (kept["label"], outweighed["label"]) == ("Note from the file", "Note mine")


def test_the_same_idempotency_key_submits_nothing_new(cli: Typing) -> None:
    words = ("submit", "test.note", "--idempotency-key", "one", "-o", "json")

    assert json_of(cli(*words))["id"] == json_of(cli(*words))["id"]


def test_waiting_gives_the_return_value(cli: Typing, stage: Stage) -> None:
    with playing(stage):
        result = cli("submit", "test.note", "-p", "text=done", "--wait", "-o", "json")

    assert json_of(result)["return_value"] == "done"


def test_waiting_for_a_command_that_fails_exits_3(cli: Typing, stage: Stage) -> None:
    with playing(stage):
        result = cli("submit", "test.broken", "--wait")

    assert result.exit_code == 3
    assert "the disk is on fire" in result.stderr


def test_waiting_longer_than_the_timeout_exits_8(cli: Typing) -> None:
    result = cli("submit", "test.guarded", "-p", "vm=late", "--wait", "--timeout", "0.3s")

    assert result.exit_code == 8
    assert "still" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("submit", "test.nope"), 2, "did you mean 'test.note'"),
        (("submit", "test.guarded"), 2, "vm: field required"),
        (("submit", "test.note", "-p", "text"), 2, "write name=value"),
        (("submit", "test.note", "--timeout", "1s"), 2, "goes with --wait"),
        (("submit", "test.note", "--wait", "--timeout", "soon"), 2, "no length of time"),
        (("show", "ffffffff"), 5, "there is no command"),
        (("list", "-s", "asleep"), 2, "'asleep' is no status"),
        (("nonsense",), 2, "No such command"),
        (("demo", "--scenario", "nope"), 2, "no demo scenario 'nope'"),
    ],
)
def test_a_mistake_is_one_sentence_and_its_exit_code(
    cli: Typing, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = cli(*words)

    assert result.exit_code == code
    assert sentence in result.stderr
    assert result.stdout == ""


def test_without_a_server_the_exit_code_is_7(
    cli: Typing, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_API_URL", f"http://127.0.0.1:{free_port}")

    result = cli("list")

    assert result.exit_code == 7
    assert "orchestrator up" in result.stderr


def test_who_is_not_logged_in_or_not_allowed_exits_4(
    cli: Typing, house: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", "guessed")
    unknown = cli("list")
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", house.tokens.create("eve", Role.VIEWER))
    viewer = cli("submit", "test.note")

    assert (unknown.exit_code, viewer.exit_code) == (4, 4)
    assert "orchestrator login" in unknown.stderr
    assert "operator" in viewer.stderr


def test_list_filters_and_pages(cli: Typing, stage: Stage) -> None:
    for number in range(3):
        stage.turn(timedelta(seconds=1))  # of those of one moment none is the newest
        cli("submit", "test.note", "-p", f"text=page {number}", "--owner", "pager")

    first = json_of(cli("list", "-f", "owner:pager", "--limit", "2", "-o", "json"))
    rest = json_of(cli("list", "-f", "owner:pager", "--cursor", first["next_cursor"], "-o", "json"))

    labels = [one["label"] for one in (*first["items"], *rest["items"])]
    assert labels == ["Note page 2", "Note page 1", "Note page 0"]


def test_the_table_says_the_status_as_a_word(cli: Typing, stage: Stage) -> None:
    cli("submit", "test.note", "-p", "text=tabled", "--owner", "tabler")
    stage.play()

    result = cli("list", "-f", "owner:tabler")

    assert "✓ succeeded" in result.stdout
    assert "1 of 1" in result.stderr
    assert "\x1b" not in result.stdout


def test_mine_lists_my_own_only(cli: Typing) -> None:
    cli("submit", "test.note", "--owner", "somebody else")

    found = json_of(cli("list", "--mine", "-o", "json"))["items"]

    assert {one["owner"] for one in found} == {"alice"}


def test_a_unique_prefix_is_enough(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Note(text="prefix"))

    assert json_of(cli("show", command_id[:10], "-o", "json"))["id"] == command_id


def test_show_tells_tree_and_history(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=9))
    stage.play()

    result = cli("show", command_id, "--tree", "--events")
    found = json_of(cli("show", command_id, "--tree", "--events", "-o", "json"))

    assert "… 7 more ✓ succeeded" in result.stdout
    assert "best effort" in result.stdout
    assert found["events"][-1]["status"] == "succeeded"
    assert [part["label"] for part in found["parts_list"]][-1] == "Note end"


def test_a_stop_takes_several_ids_and_says_what_became_of_each(cli: Typing, stage: Stage) -> None:
    ids = [stage.submit(Guarded(vm=f"stop-{number}")) for number in range(2)]
    stage.play()

    result = cli("stop", *ids, "--reason", "enough", "--yes")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert {json_of(cli("show", one, "-o", "json"))["stopping"] for one in ids} == {"stopped"}


def test_one_wrong_id_does_not_keep_the_others_from_being_stopped(
    cli: Typing, stage: Stage
) -> None:
    command_id = stage.submit(Guarded(vm="stop-half"))
    stage.play()

    result = cli("stop", "ffffffff", command_id, "--yes")

    assert result.exit_code == 5
    assert json_of(cli("show", command_id, "-o", "json"))["stopping"] == "stopped"


def test_what_the_present_state_forbids_exits_6(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Note())
    stage.play()

    assert cli("restart", command_id, "--yes").exit_code == 6


def test_restart_begins_a_failed_command_anew(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Broken())
    stage.play()

    result = cli("restart", command_id, "--reason", "the fire is out")

    assert result.exit_code == 0
    assert "failed" not in result.stdout


def test_a_skip_lets_the_plan_go_on(cli: Typing, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="skip"))

    result = cli("skip", f"{command_id[:8]}.1")
    stage.play()

    assert result.exit_code == 0
    statuses = {one["status"] for one in _parts(cli, command_id)}
    assert "skipped" in statuses


def _parts(cli: Typing, command_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json_of(cli("show", command_id, "--tree", "-o", "json"))[
        "parts_list"
    ]
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "test.note", "-p", "text=\udcff"),
        ("submit", "test.note", "--params-file", "/tmp/\udcff"),
        ("no\udcff",),
        ("--no\udcff",),
        ("list", "--status", "\ud800"),
        ("external", "fail", "\udcfe"),
    ],
)
def test_an_argument_that_is_no_text_is_one_sentence(cli: Typing, words: tuple[str, ...]) -> None:
    result = cli(*words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert " ".join(result.stderr.split()).endswith("is no text; write it in UTF-8")
    assert "Traceback" not in result.stderr


def test_bytes_that_are_no_text_do_not_break_the_program() -> None:
    ran = subprocess.run(
        (sys.executable, "-m", "orchestrator", b"submit", b"x", b"-p", b"a=\xff"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "is no text" in ran.stderr


def test_lists_stay_small_however_large_the_parameters(cli: Typing, stage: Stage) -> None:
    text = "ü" * 450_000  # 900 kB
    ids = [stage.submit(Note(text=text), correlation_id="large") for _ in range(3)]
    stage.play()

    listed = cli("list", "--filter", "correlation_id:large", "-o", "json")

    assert {one["id"] for one in json_of(listed)["items"]} == set(ids)
    assert len(listed.stdout) < 3 * 3_000
    assert len(cli("list", "--filter", "correlation_id:large").stdout) < 3_000
    assert json_of(cli("show", ids[0], "-o", "json"))["parameters"] == {"text": text}


def test_commands_are_found_by_all_that_they_touch(cli: Typing, stage: Stage) -> None:
    command = stage.submit(Guarded(vm="vm-touched"), correlation_id="corr-touched")
    stage.play()
    part = next(one for one in stage.orchestrator.tree(command) if one.label == "Guard it")
    (task,) = stage.orchestrator.tasks([part.command_id])

    for asked in (
        "entity:vm:vm-touched",
        "entity:vm-touched",
        "correlation:corr-touched",
        f"external:{task.external_id}",
        f"id:{command[:13]}",
        "text:guard vm-touched",
        "guard vm-touched",
    ):
        items = json_of(cli("list", "-f", asked, "-o", "json"))["items"]
        assert [one["id"] for one in items] == [command], asked


def test_an_unknown_filter_is_refused_with_a_hint(cli: Typing) -> None:
    result = cli("list", "-f", "vm:vm-003")

    assert result.exit_code == 2
    assert "there is no filter 'vm'" in result.stderr
    assert "entity, external, correlation, kind, owner, error, id, text" in result.stderr
    assert "'entity:vm:vm-003'" in result.stderr


def test_many_are_ordered_by_what_a_list_finds(cli: Typing, stage: Stage) -> None:
    ids = [stage.submit(Guarded(vm=f"vm-bulk-{number}")) for number in range(3)]
    stage.play()

    trial = cli("stop", "-f", "guard vm-bulk", "--dry-run")
    untouched = [stage.orchestrator.get(one).stopping for one in ids]
    stopped = cli("stop", "-f", "guard vm-bulk", "-s", "waiting", "--reason", "wrong host", "--yes")
    neither, both = cli("stop", "--yes"), cli("stop", ids[0], "-f", "kind:x", "--yes")

    assert (trial.exit_code, stopped.exit_code) == (0, 0), trial.output + stopped.output
    assert "3 would be told to stop" in trial.stderr
    assert untouched == [None, None, None]
    assert "3 told to stop" in stopped.stderr
    assert all(stage.orchestrator.get(one).stopping for one in ids)
    assert (neither.exit_code, both.exit_code) == (2, 2)


def test_a_command_is_paused_and_resumed(cli: Typing, stage: Stage) -> None:
    paused = cli("pause", "kind:test.refuse", "--reason", "it is on fire")
    listed = cli("pause")
    resumed = cli("resume", "kind:test.refuse")

    assert "kind:test.refuse" in paused.stdout
    assert "it is on fire" in listed.stdout
    assert "alice" in listed.stdout
    assert (resumed.exit_code, cli("resume", "kind:test.refuse").exit_code) == (0, 5)
    assert cli("pause", "vm:x").exit_code == 2
