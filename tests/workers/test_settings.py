"""Settings and user modules: what is wrong with them is said in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.core.errors import BadCommandError, BadInputError
from workers.load import load_catalog
from workers.settings import load_settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file that the environment names."""
    path = tmp_path / "orchestrator.toml"
    monkeypatch.setenv("ORCHESTRATOR_CONFIG", str(path))
    return path


def test_every_setting_has_a_default_and_says_what_it_is() -> None:
    settings = load_settings()

    assert settings.database.startswith("sqlite:///")
    assert all(one.description for one in type(settings).model_fields.values())


def test_the_environment_outweighs_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("fusion = false\nmax_parts = 7\n")
    monkeypatch.setenv("ORCHESTRATOR_MAX_PARTS", "8")

    settings = load_settings()

    assert (settings.fusion, settings.max_parts) == (False, 8)


def test_what_is_given_outweighs_both(config: Path) -> None:
    config.write_text("database_url = 'sqlite:///a'\n")

    assert load_settings(database_url="sqlite:///b").database == "sqlite:///b"


def test_a_missing_config_file_is_named(config: Path) -> None:
    with pytest.raises(BadInputError, match=f"ORCHESTRATOR_CONFIG names '{config}', and there is"):
        load_settings()


@pytest.mark.parametrize("text", ["fusion =", "\x00", "fusion = true\nfusion = true"])
def test_an_unreadable_config_file_is_named(config: Path, text: str) -> None:
    config.write_text(text)

    with pytest.raises(BadInputError, match=f"the config file '{config}' cannot be read: "):
        load_settings()


def test_a_config_file_that_is_not_text_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(BadInputError, match="cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_PARTS", "many"), ("MAX_PARTS", "0"), ("FUSION", "perhaps"), ("LEASE_SECONDS", "-1")],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ORCHESTRATOR_{name}", value)

    with pytest.raises(BadInputError, match=f"a setting is wrong: {name.lower()}: "):
        load_settings()


@pytest.mark.parametrize(("heartbeat", "lease"), [(1.0, 2.9), (1.0, 1.2), (5.0, 3.0)])
def test_a_lease_that_a_late_heartbeat_would_break_is_refused(
    heartbeat: float, lease: float
) -> None:
    with pytest.raises(BadInputError, match=r"lease_seconds: .* taken for dead"):
        load_settings(heartbeat_seconds=heartbeat, lease_seconds=lease)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a user works in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_a_module_beside_the_user_is_found(folder: Path) -> None:
    (folder / "beside_me.py").write_text(
        "from orchestrator import Command\n"
        "class Greet(Command, kind='beside.greet'):\n"
        "    def execute(self) -> None: ...\n"
    )

    assert "beside.greet" in load_catalog(["beside_me"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No module named"),
        ("import no_such_thing_anywhere", "No module named 'no_such_thing_anywhere'"),
        ("def broken(:", "invalid syntax"),
        ("missing_name", "name 'missing_name' is not defined"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_in_one_sentence(
    folder: Path, text: str | None, why: str
) -> None:
    name = f"wrong_{abs(hash(text))}"
    if text is not None:
        (folder / f"{name}.py").write_text(text)

    with pytest.raises(BadCommandError, match=f"the module '{name}' .setting MODULES.") as problem:
        load_catalog([name])

    assert why in str(problem.value)
    assert "\n" not in str(problem.value)
