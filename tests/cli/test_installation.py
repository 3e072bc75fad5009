"""Looking at an installation: registers, tokens, vendors' tasks, settings, the doctor."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from orchestrator import Outcome, TaskStatus, Trouble
from orchestrator.core.access import Role
from orchestrator.core.ids import short
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.api.served import Guarded, Served, in_trouble
from tests.cli.conftest import Typing, json_of


def test_kinds_are_listed_with_their_parameters(cli: Typing) -> None:
    result = cli("kinds")

    assert "test.guarded" in result.stdout
    assert "Holds a lock while a vendor works." in result.stdout


@pytest.mark.parametrize("register", ["kinds", "workers", "queues", "adapters", "locks"])
def test_every_register_is_a_table_and_json(cli: Typing, register: str) -> None:
    assert cli(register).exit_code == 0
    assert "items" in json_of(cli(register, "-o", "json"))


def test_locks_tell_who_holds_and_who_waits(cli: Typing, stage: Stage) -> None:
    stage.submit(Guarded(vm="locked"))
    stage.submit(Guarded(vm="locked"))
    stage.play()

    lines = [line for line in cli("locks").stdout.splitlines() if "vm:locked" in line]

    assert ["held" in line for line in lines] == [True, False]


def test_a_token_is_made_listed_and_revoked(cli: Typing, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cli("token", "create", "bob", "--role", "viewer").stdout.strip()

    assert ["bob", "viewer"] in [
        line.split()[:2] for line in cli("token", "list").stdout.splitlines()
    ]
    assert cli("token", "revoke", "bob").exit_code == 0
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", made)
    assert cli("list").exit_code == 4


def test_a_login_is_kept_where_only_its_owner_reads_it(
    cli: Typing, house: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_TOKEN")
    refused = cli("login", "--token", "guessed")
    accepted = cli("login", "--token", house.tokens.create("carol", Role.VIEWER))

    assert (refused.exit_code, accepted.exit_code) == (4, 0)
    assert "as carol (viewer)" in accepted.stdout
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert cli("list").exit_code == 0


def test_a_vendor_can_report_from_a_script(cli: Typing, stage: Stage) -> None:
    about = ("--vendor", "acme", "--topic", "scrub", "--open-to", "globex", "--can-undo")
    made = json_of(cli("external", "create", "Scrub", *about, "-o", "json"))
    assert made["topic"] == "scrub"
    stage.play()

    updated = json_of(
        cli("external", "update", made["id"], "--progress", "40", "-m", "on it", "-o", "json")
    )
    beat = cli("external", "heartbeat", made["id"])
    ended = cli("external", "complete", made["id"], "--result", '{"files": 3}')
    stage.play()

    assert (updated["progress"], updated["message"]) == (0.4, "on it")
    assert (beat.exit_code, ended.exit_code) == (0, 0)
    assert json_of(cli("show", made["id"], "-o", "json"))["return_value"] == {"files": 3}
    assert cli("external", "fail", made["id"], "-m", "too late").exit_code == 6


def test_the_doctor_finds_that_no_scheduler_is_alive(cli: Typing) -> None:
    result = cli("doctor")

    assert result.exit_code == 1
    assert "✓ Web page" in result.stdout
    assert "× Scheduler  none is alive  → run: orchestrator up scheduler" in result.stdout


def test_the_doctor_names_a_host_that_does_not_trust_us_and_says_what_to_do(
    cli: Typing, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble("pool-1", "host1:54321", "certificate verify failed", "check ca.pem")
    in_trouble(stage, trouble, monkeypatch)

    result = cli("doctor")

    assert result.exit_code == 1
    told = "× Outside    vendor host1:54321: certificate verify failed  → check ca.pem"
    assert told in result.stdout


def test_a_stuck_part_is_told_by_list_doctor_and_metrics(
    cli: Typing, stage: Stage, house: Served
) -> None:
    command = stage.submit(Guarded(vm="vm-stuck"))
    stage.play()
    part = next(one for one in stage.orchestrator.tree(command) if one.label == "Guard it")
    stage.report(part.command_id, TaskStatus.LOST, message="it is gone")

    listed = cli("list", "-s", "needs_attention")
    doctor = cli("doctor")
    metrics = httpx.get(f"{house.url}/metrics").text
    stage.orchestrator.resolve(part.command_id, Outcome.SUCCEEDED, "seen")
    stage.play()

    assert "Guard vm-stuck" in listed.stdout
    assert f"▲ {short(part.command_id)} Guard it: it is gone" in listed.stdout
    assert f"× Attention  1 need a person; {short(part.command_id)} Guard it" in doctor.stdout
    assert "orchestrator list -s needs_attention" in doctor.stdout
    assert "orchestrator_stuck_commands 1.0" in metrics
    assert 'orchestrator_commands{status="needs_attention"} 1.0' in metrics
    assert "✓ Attention  nothing waits for a person" in cli("doctor").stdout


def test_the_doctor_names_rows_that_cannot_be_read_and_verbs_that_do_not_heed_a_stop(
    cli: Typing, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = stage.submit(Guarded(vm="vm-held"))
    held = stage.orchestrator.get(command)._replace(
        status=Status.RUNNING, stopping=Outcome.STOPPED, worker_id="w-1"
    )
    rows = [(command, "its row cannot be read: phase holds 'limbo'")]
    held = held._replace(last_update_time=None)
    with monkeypatch.context() as patched:
        patched.setattr(stage.store, "unreadable", lambda _limit: rows)
        patched.setattr(stage.store, "being_stopped", lambda _limit: [held])
        doctor = cli("doctor").stdout

    assert f"× Rows       1 cannot be read: {short(command)} (its row cannot be read" in doctor
    assert f"× Verbs      1 do not come back after a stop: {short(command)} Guard vm-held" in doctor
    assert "orchestrator resolve ID" in doctor
    stage.orchestrator.stop(command, "enough")
    stage.play()
    assert "✓ Rows       all commands can be read" in cli("doctor").stdout


def test_an_unreadable_config_is_one_sentence(
    cli: Typing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CONFIG", str(tmp_path / "absent.toml"))
    absent = cli("list")
    (tmp_path / "torn.toml").write_text("api_url = ")
    monkeypatch.setenv("ORCHESTRATOR_CONFIG", str(tmp_path / "torn.toml"))
    torn = cli("up")

    assert (absent.exit_code, torn.exit_code) == (1, 1)
    assert "No such file" in absent.stderr
    assert "torn.toml cannot be read" in torn.stderr


def test_the_environment_outweighs_the_file(
    cli: Typing, house: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text(f'api_url = "{house.url}"\n')
    monkeypatch.setenv("ORCHESTRATOR_CONFIG", str(file))
    monkeypatch.delenv("ORCHESTRATOR_API_URL")
    from_file = cli("list")
    monkeypatch.setenv("ORCHESTRATOR_API_URL", "http://127.0.0.1:1")
    from_environment = cli("list")

    assert (from_file.exit_code, from_environment.exit_code) == (0, 7)


def test_settings_are_shown_with_where_they_come_from(cli: Typing) -> None:
    items = json_of(cli("config", "show", "-o", "json"))["items"]

    sources = {one["name"]: one["source"] for one in items}
    assert (sources["data_dir"], sources["fusion"]) == ("environment", "default")
    assert all("orc_" not in str(one["value"]) for one in items)


def test_the_schema_is_brought_up_to_date(cli: Typing, tmp_path: Path) -> None:
    before = cli("db", "current")
    upgraded = cli("db", "upgrade")

    assert before.stdout.strip() in ("", "empty")
    assert upgraded.stdout.strip() == cli("db", "current").stdout.strip()
    assert (tmp_path / "orchestrator.db").exists()
