"""`orchestrator list`: commands, newest first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import (
    Json,
    Output,
    notes,
    plain_table,
    print_json,
    print_lines,
    results,
)
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.server import Server, connect
from orchestrator.cli.terminal import say
from orchestrator.cli.words import age, bar, brief, look, percent, status_text
from orchestrator.core.status import Status

REFRESH_S = 1.0
WIDE = 140
SEARCH_S = 3.0
"""How long a list goes on by itself where what is asked for has no index and a page holds few."""
FILTERS = {
    "entity": "entity",
    "external": "external",
    "correlation": "correlation_id",
    "correlation_id": "correlation_id",
    "kind": "kind",
    "owner": "owner",
    "error": "error",
    "id": "id",
    "text": "q",
    "q": "q",
}
_KEYS = "entity, external, correlation, kind, owner, error, id, text"


def list_commands(
    status: Annotated[
        str | None, typer.Option("--status", "-s", help="statuses, comma-separated")
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="only my own")] = False,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            "-f",
            help="entity:vm-003, external:ID, correlation:ID, kind:vm.remove, owner:alice,"
            " error:TEXT, id:PREFIX, or text",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    cursor: Annotated[str | None, typer.Option("--cursor", help="go on from here")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="keep the list up to date")] = False,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """List commands, newest first."""
    with connect() as server:
        asked: Json = {"status": _statuses(status), "limit": limit, "cursor": cursor}
        asked |= read_filters(filters or [])
        if mine:
            asked["owner"] = server.get("whoami")["name"]
        if watch:
            _watch(server, asked, output)
            return
        _print(_search(server, asked), output)


def _statuses(text: str | None) -> str | None:
    if text is None:
        return None
    words = [one.strip().lower().replace("-", "_") for one in text.split(",") if one.strip()]
    known = [one.value for one in Status]
    for word in words:
        if word not in known:
            raise CliError(
                f"{word!r} is no status; write one of {', '.join(known)}", ExitCode.WRONG_USAGE
            )
    return ",".join(words)


def read_filters(texts: list[str]) -> Json:
    """Reads `KEY:VALUE` filters, or a text. Raises CliError for a key that there is not."""
    found: Json = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or " " in name:
            found["q"] = text
        elif name in FILTERS:
            found[FILTERS[name]] = value
        else:
            raise CliError(
                f"there is no filter {name!r}; there are: {_KEYS}; a text with a colon is looked for"
                f" with 'text:{text}', an entity with 'entity:{text}'",
                ExitCode.WRONG_USAGE,
            )
    return found


def _search(server: Server, asked: Json) -> Json:
    """Asks for a page; where there is no index for it, searches on for a while until the page is full."""
    answer: Json = server.get("commands", **asked)
    until = time.monotonic() + SEARCH_S
    while (
        answer["next_cursor"] and len(answer["items"]) < asked["limit"] and time.monotonic() < until
    ):
        left = asked["limit"] - len(answer["items"])
        more = server.get("commands", **{**asked, "cursor": answer["next_cursor"], "limit": left})
        answer = {
            **answer,
            "items": answer["items"] + more["items"],
            "next_cursor": more["next_cursor"],
        }
    if answer["total"] is None and not answer["next_cursor"] and not asked["cursor"]:
        answer["total"] = len(answer["items"])
    return answer


def _print(answer: Json, output: Output) -> None:
    match output:
        case Output.JSON:
            print_json(answer)
        case Output.JSONL:
            print_lines(answer["items"])
        case Output.TABLE:
            console = results()
            console.print(command_table(answer["items"], console.width))
            notes().print(_foot(answer))


def command_table(commands: list[Json], width: int) -> Table:
    """Makes the table of commands for a terminal of that many columns."""
    table = plain_table("id", "command", "status", "progress", "owner", "age")
    table.columns[0].min_width = 8
    table.columns[1].ratio = 1
    table.columns[2].min_width = 11
    table.columns[4].max_width = 20
    table.expand = width < WIDE
    room = 20 if width >= 100 else 8
    for command in commands:
        style = look(command["status"]).style
        progress = Text("")
        if command["progress"] is not None:
            shown = percent(command["progress"])
            progress = Text.assemble(bar(command["progress"], room, style), f" {shown:>4}")
        table.add_row(
            command["short_id"],
            _what(command, brief if width < WIDE else str),
            status_text(command["status"]),
            progress,
            command["owner"],
            age(command["created_at"]),
        )
    return table


def _what(command: Json, shorten: Callable[[str], str]) -> Text:
    """Gives the label and, where something below needs a person, what that is and why."""
    text = Text(shorten(command["label"]))
    part = command.get("stuck_part")
    if part is None:
        return text
    more = f" (and {command['stuck'] - 1} more)" if command["stuck"] > 1 else ""
    said = f"{part['short_id']} {shorten(part['label'])}: {shorten(part['message'] or '')}{more}"
    return text.append(f"\n▲ {said}", look(Status.NEEDS_ATTENTION).style)


def _foot(answer: Json) -> Text:
    total, limit = answer.get("total"), answer.get("count_limit")
    shown = len(answer["items"])
    words = f"{shown}" if total is None else f"{shown} of {total}{'+' if total == limit else ''}"
    text = Text(words, style="dim")
    if answer.get("next_cursor"):
        text.append(f" · next: orchestrator list --cursor {answer['next_cursor']}")
    return text


def _watch(server: Server, asked: Json, output: Output) -> None:
    console = results()
    if output is Output.TABLE and console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(_screen(server.get("commands", **asked), console.width), refresh=True)
                time.sleep(REFRESH_S)
    seen: dict[str, int] = {}
    while True:
        for command in reversed(server.get("commands", **asked)["items"]):
            if seen.get(command["id"]) == command["revision"]:
                continue
            seen[command["id"]] = command["revision"]
            if output is Output.TABLE:
                line = f"{command['short_id']}  {command['status']}  {percent(command['progress'])}"
                say(f"{line.rstrip()}  {command['label']}", flush=True)
            else:
                print_lines([command])
        time.sleep(REFRESH_S)


def _screen(answer: Json, width: int) -> RenderableType:
    counts = Counter(answer.get("counts") or {})
    words = " · ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return Group(
        command_table(answer["items"], width), Text(f"{words} · Ctrl-C ends the list", style="dim")
    )
