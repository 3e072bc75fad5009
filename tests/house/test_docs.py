"""What README and docs tell people to type exists: commands, their options, Python's names, settings."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.cli.app import make_app
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(orchestrator [^`\n]+)`")
SETTING = re.compile(r"ORCHESTRATOR_([A-Z0-9_]+)\b")
OF_OTHERS = ("VDSM_", "GLUSTER_", "VENDOR_", "TEST_", "CONFIG")
PROGRAM: Any = typer.main.get_command(make_app())


def commands(page: Path) -> Iterator[str]:
    """Gives every command line of ours on a page."""
    text = page.read_text()
    for language, block in FENCE.findall(text):
        if language in ("console", "sh", "bash", ""):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.match(r"\$ (?:[A-Z_]+=\S+ )*(orchestrator .*)", line)
                if found:
                    yield found[1]
    yield from INLINE.findall(text)


def what_is_wrong(line: str) -> str | None:
    """Says what of a command line there is not; None when all is."""
    line = re.split(r"\s#|\s\||;|…|\.\.\.", line)[0]
    try:
        words = shlex.split(line)[1:]
    except ValueError:  # an apostrophe of the sentence around it
        words = line.split()[1:]
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return None
    context = PROGRAM.make_context("orchestrator", [], resilient_parsing=True)
    command = PROGRAM.get_command(context, words[0])
    if command is None:
        return f"there is no command {words[0]!r}"
    if hasattr(command, "commands"):
        member = next((one for one in words[1:] if not one.startswith("-")), None)
        if member is None or not re.fullmatch(r"[a-z]+", member):
            return None
        if member not in command.commands:
            return f"there is no command {words[0]} {member}"
        command = command.commands[member]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    for word in words[1:]:
        option = word.partition("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in known:
            return f"{words[0]} has no option {option}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_can_be_typed(page: Path) -> None:
    wrong = [f"{line}: {why}" for line in commands(page) if (why := what_is_wrong(line))]

    assert wrong == []


def test_the_reader_sees_what_is_not_there() -> None:
    assert what_is_wrong("orchestrator lst") == "there is no command 'lst'"
    assert what_is_wrong("orchestrator list --colour") == "list has no option --colour"
    assert what_is_wrong("orchestrator token make x") == "there is no command token make"
    assert what_is_wrong("orchestrator list -f entity:vm-003 # all of it") is None
    assert sum(1 for page in PAGES for _ in commands(page)) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_is_python_and_imports_what_there_is(page: Path) -> None:
    for language, block in FENCE.findall(page.read_text()):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
                home = importlib.import_module(node.module)
                missing = [one.name for one in node.names if not hasattr(home, one.name)]
                assert missing == [], f"{node.module} has no {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_is_one(page: Path) -> None:
    named = {one for one in SETTING.findall(page.read_text()) if not one.startswith(OF_OTHERS)}

    assert {one.lower() for one in named} - set(Settings.model_fields) == set()


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("orchestrator", "workers", "adapters")
