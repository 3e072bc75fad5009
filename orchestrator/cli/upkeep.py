"""`orchestrator db | gc | config`: upkeep of an installation, on its own machine."""

from __future__ import annotations

import json
import os
import tomllib
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.administration import administrate
from orchestrator.cli.console import Output, notes, plain_table, print_json, print_lines, results
from orchestrator.cli.settings import (
    CONFIG,
    ClientSettings,
    read,
    read_settings,
    running_of,
)
from orchestrator.cli.terminal import say
from orchestrator.cli.words import read_duration


def upgrade() -> None:
    """Bring the database's schema up to date."""
    say(administrate("upgrade"))


def current() -> None:
    """Tell which schema the database has."""
    say(administrate("current"))


def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", help="ended longer ago than this: 90d, 12h")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count only")] = False,
) -> None:
    """Delete commands that ended long ago, with their whole trees."""
    days = read_duration(older_than).total_seconds() / 86400
    words = ["gc", "--older-than-days", str(days), *(["--dry-run"] if dry_run else [])]
    answer = json.loads(administrate(*words))
    would = "would be deleted" if dry_run else "deleted"
    say(f"{answer['trees']} commands that ended more than {older_than} ago {would}")
    if answer["audit"]:
        say(f"{answer['audit']} rows of the audit past ORCHESTRATOR_AUDIT_DAYS {would}")


def config_show(
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Show every setting in force, and where it comes from."""
    read_settings()  # says in one sentence what is wrong with the file, before a process is started
    shown = json.loads(administrate("config"))
    items = [
        {"name": name, "value": one["value"], "source": _source(name), "about": one["about"]}
        for name, one in shown.items()
    ]
    match output:
        case Output.JSON:
            print_json({"items": items})
        case Output.JSONL:
            print_lines(items)
        case Output.TABLE:
            table = plain_table("setting", "value", "from", "about")
            for one in items:
                about = Text(str(one["about"] or ""), "dim")
                table.add_row(one["name"], Text(str(one["value"])), one["source"], about)
            results().print(table)
            notes().print(
                "set with ORCHESTRATOR_<NAME> in the environment, or in the file that"
                f" {CONFIG} names",
                style="dim",
            )


def _source(name: str) -> str:
    if f"ORCHESTRATOR_{name.upper()}" in os.environ:
        return "environment"
    path = os.environ.get(CONFIG)
    if path:
        with open(path, "rb") as file:
            if name in {key.lower() for key in tomllib.load(file)}:
                return "file"
    running = running_of(read(ClientSettings))
    return "default" if running is None or running.setting(name) is None else "the running up"
