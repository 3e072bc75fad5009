"""The program starts fast: no command loads what it does not need."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from orchestrator.cli.app import COMMANDS, GROUPS
from tests.cli.conftest import Typing

HEAVY = (
    "pydantic",
    "pydantic_settings",
    "psutil",
    "redis",
    "sqlalchemy",
    "celery",
)
MOST_CPU_S = 0.6  # 0.25 to 0.3 on an idle machine of 2020; a busy one must not fail the test
LOADED = """
import sys
from orchestrator.cli import listing, showing, looking, ordering, submitting, app
print(*(one for one in %r if one in sys.modules))
"""


def test_looking_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED % (HEAVY,)], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == []


def test_a_list_costs_little_from_the_start(cli: Typing) -> None:
    subprocess.run([sys.executable, "-m", "orchestrator", "list"], check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "orchestrator", "list"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_every_command_is_there_with_its_help(cli: Typing, name: str) -> None:
    shown = cli(name, "--help")

    assert shown.exit_code == 0
    assert f"orchestrator {name}" in shown.stdout


def test_every_member_of_a_group_is_there(cli: Typing) -> None:
    for group, (_, members) in GROUPS.items():
        for member in members:
            assert cli(group, member, "--help").exit_code == 0, (group, member)


def test_an_unknown_command_is_wrong_usage(cli: Typing) -> None:
    assert cli("lst").exit_code == 2
