"""What foreign texts do in a terminal: they are read. And every table can be, in 80 columns."""

from __future__ import annotations

import io
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import TaskStatus
from orchestrator.cli.console import plain_table
from orchestrator.cli.terminal import SafeConsole, one_line, safe_json, visible
from orchestrator.testing import Stage
from tests.api.served import Guarded, Note
from tests.cli.conftest import Typing
from tests.cli.tty import run_in_terminal

HOSTILE = "\x1b]0;owned\x07\x1b[2J[/] [bold]x[/bold] \x9b31m\u202egnp.exe\u2066\rfake\nline :smile:"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(stage: Stage) -> str:
    """The id of a command whose label and part's message are hostile."""
    stage.submit(Note(text=HOSTILE))
    command = stage.submit(Guarded(vm=f"{HOSTILE} {time.monotonic()}"))
    stage.play()
    part = next(one for one in stage.orchestrator.tree(command) if one.label == "Guard it")
    stage.report(part.command_id, TaskStatus.LOST, message=HOSTILE)
    return command


def test_foreign_texts_are_shown_not_obeyed(cli: Typing, hostile: str) -> None:
    asked = (
        ("list",),
        ("list", "-s", "needs_attention"),
        ("show", hostile),
        ("show", hostile, "--tree", "--events"),
        ("locks",),
        ("audit",),
        ("doctor",),
        ("list", "-o", "json"),
        ("list", "-o", "jsonl"),
        ("watch", hostile, "--timeout", "0.5s"),
        ("list", "-f", f"owner:{HOSTILE}"),
    )
    for words in asked:
        result = cli(*words)
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        found = UNSAFE.search(result.stdout + result.stderr)
        assert found is None, (words, found)
    shown = cli("list").stdout
    assert "\\x1b]0;owned" in shown
    assert "[/] [bold]x[/bold]" in shown
    assert ":smile:" in shown


def test_in_a_terminal_they_are_neither(cli: Typing, hostile: str) -> None:
    for words in (("list",), ("show", hostile, "--tree")):
        code, sent = run_in_terminal(*words)
        assert code == 0, sent
        assert "\x1b]0;" not in sent
        assert "\x1b[2J" not in sent
        assert "\u202e" not in sent


def test_json_means_what_was_stored(cli: Typing, hostile: str) -> None:
    shown = json.loads(cli("show", hostile, "-o", "json").stdout)

    assert shown["parameters"]["vm"].startswith(HOSTILE)


@given(st.text())
def test_no_text_gets_through(text: str) -> None:
    assert not UNSAFE.search(visible(text))
    assert "\n" not in one_line(text)
    assert visible(visible(text)) == visible(text)
    assert json.loads(safe_json(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("columns", [40, 80, 100, 240])
def test_no_column_of_a_table_vanishes(columns: int) -> None:
    console = SafeConsole(width=columns, file=io.StringIO())
    table = plain_table("kind", "version", "parameters", "what it does")
    table.add_row("gluster.brick.replace", "1", "abc " * 30, "xyz " * 20)

    with console.capture() as captured:
        console.print(table)

    lines = captured.get().splitlines()
    assert (captured.get().count("abc"), captured.get().count("xyz")) == (30, 20)
    assert all(len(line) <= columns for line in lines)


@pytest.mark.parametrize("columns", [80, 100])
def test_kinds_can_be_read_in_a_terminal(cli: Typing, columns: int) -> None:
    code, sent = run_in_terminal("kinds", columns=columns)

    assert code == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", sent.replace("\r", "")).splitlines()
    assert any(line.startswith("test.guarded") for line in lines)
    flat = " ".join(sent.split())
    assert "Holds a lock while a" in flat
    assert all(len(line) <= columns for line in lines)
