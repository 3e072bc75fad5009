"""`orchestrator audit`: who did what, when and why."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.console import Json, Output, notes, plain_table, print_items
from orchestrator.cli.server import connect
from orchestrator.cli.words import age, read_duration


def audit(
    actor: Annotated[str | None, typer.Option("--actor", help="the name of a token")] = None,
    verb: Annotated[str | None, typer.Option("--verb", help="stop, submit, grant, ...")] = None,
    entity: Annotated[str | None, typer.Option("--entity", help="vm:vm-003")] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="an id; of a root, with its whole tree")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="how long ago: 1d, 12h")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    cursor: Annotated[str | None, typer.Option("--cursor", help="go on from here")] = None,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Tell who did what, newest first."""
    span = None if since is None else read_duration(since).total_seconds()
    with connect() as server:
        whole_id = server.get(f"commands/{command}")["id"] if command else None
        answer = server.get(
            "audit",
            actor=actor,
            verb=verb,
            entity=entity,
            command_id=whole_id,
            since=span,
            limit=limit,
            cursor=cursor,
        )
    table = plain_table("age", "who", "did", "to", "why")
    table.columns[3].ratio = table.columns[4].ratio = 1
    for one in answer["items"]:
        table.add_row(age(one["at"]), Text(one["actor"]), one["verb"], _subject(one), one["reason"])
    print_items(output, answer, table)
    if output is Output.TABLE and answer["next_cursor"]:
        notes().print(f"next: orchestrator audit --cursor {answer['next_cursor']}", style="dim")


def _subject(deed: Json) -> Text:
    text = Text(deed["subject"])
    if deed["command_id"]:
        text.append(f"  {deed['command_id'][:8]}", "dim")
    return text
