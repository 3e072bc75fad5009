"""The programs: what stops them is one sentence and an exit code, not a traceback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import free_port
from tests.workers.installation import run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of an empty installation."""
    return os.environ | {"ORCHESTRATOR_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("DATABASE_URL", "nonsense", "the database URL 'nonsense' cannot be read"),
        ("DATABASE_URL", "mysql://x/y", "only postgresql and sqlite are supported"),
        ("DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/x", "cannot be used now"),
        ("CONFIG", "/no/such/file", "ORCHESTRATOR_CONFIG names '/no/such/file'"),
        ("MODULES", "no_such_module", "the module 'no_such_module' (setting MODULES)"),
        ("MAX_PARTS", "many", "a setting is wrong: max_parts"),
    ],
)
def test_a_wrong_setting_stops_the_administrator_with_a_sentence(
    environment: dict[str, str], setting: str, value: str, says: str
) -> None:
    verb = "config" if setting == "MODULES" else "upgrade"

    done = run(environment | {f"ORCHESTRATOR_{setting}": value}, "-m", "workers.admin", verb)

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_is_made_and_told(environment: dict[str, str]) -> None:
    assert run(environment, "-m", "workers.admin", "current").stdout.strip() == "empty"

    made = run(environment, "-m", "workers.admin", "upgrade")

    assert made.returncode == 0
    assert made.stdout.strip() == run(environment, "-m", "workers.admin", "current").stdout.strip()


def test_the_config_shows_no_secrets(environment: dict[str, str]) -> None:
    secrets = {
        "ORCHESTRATOR_TOKEN": "s3cret-token",
        "ORCHESTRATOR_SESSION_SECRET": "s3cret-session",
        "ORCHESTRATOR_DATABASE_URL": "postgresql://me:s3cret-word@127.0.0.1/x",
        "ORCHESTRATOR_BROKER_URL": "redis://:s3cret-redis@127.0.0.1/0",
    }

    shown = run(environment | secrets, "-m", "workers.admin", "config")

    assert shown.returncode == 0, shown.stderr
    assert "max_parts" in shown.stdout
    assert "s3cret" not in shown.stdout


def test_a_taken_port_stops_the_web_process_with_a_sentence(
    environment: dict[str, str], taken_port: int
) -> None:
    done = run(environment, "-m", "workers.asgi", "--port", str(taken_port))

    assert done.returncode == 1
    assert f"port {taken_port} of 127.0.0.1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_is_made_for_a_role_that_there_is(environment: dict[str, str]) -> None:
    run(environment, "-m", "workers.admin", "upgrade")

    made = run(environment, "-m", "workers.admin", "token", "ci", "operator")
    again = run(environment, "-m", "workers.admin", "token", "ci", "operator")
    wrong = run(environment, "-m", "workers.admin", "token", "ci", "emperor")

    assert (made.returncode, made.stdout[:4]) == (0, "orc_"), made.stderr
    assert (again.returncode, wrong.returncode) == (1, 2)
    assert "a token named 'ci' (operator) is in force" in again.stderr


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("DATABASE_URL", "nonsense", "the database URL 'nonsense' cannot be read"),
        ("MODULES", "no_such_module", "the module 'no_such_module' (setting MODULES)"),
        ("CREW", "many", "a setting is wrong: crew"),
    ],
)
def test_a_wrong_setting_stops_a_worker_with_a_sentence(
    environment: dict[str, str], setting: str, value: str, says: str
) -> None:
    done = run(environment | {f"ORCHESTRATOR_{setting}": value}, "-m", "workers.worker")

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


PROGRAMS = (
    ("-m", "workers.worker"),
    ("-m", "workers.schedule"),
    ("-m", "workers.asgi"),
    ("-m", "uvicorn", "--factory", "workers.asgi:build"),
    ("-m", "celery", "-A", "workers", "worker", "-P", "solo"),
    ("-m", "celery", "-A", "workers", "flower"),
)
BROKEN = {
    "raises": ("raise RuntimeError('oops\\nand more')", "cannot be imported: RuntimeError: oops"),
    "ends": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
    "supplies": ("def supplies():\n    return [][0]", "cannot be called: IndexError: list index"),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: " ".join(one[1:5]))
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_module_stops_every_program_with_a_sentence(
    environment: dict[str, str], tmp_path: Path, program: tuple[str, ...], how: str
) -> None:
    source, says = BROKEN[how]
    (tmp_path / "broken_module.py").write_text(source)
    environment |= {"ORCHESTRATOR_MODULES": "broken_module", "PYTHONPATH": str(tmp_path)}

    done = run(environment, *program)

    assert done.returncode == 1
    assert "the module 'broken_module'" in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
