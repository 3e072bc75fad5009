"""`orchestrator show`: one command, its parts, its history."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import Json, Output, plain_table, print_json, print_lines, results
from orchestrator.cli.server import Server, connect
from orchestrator.cli.treeview import render_tree
from orchestrator.cli.words import clock, duration_s, percent, status_text

_FACTS = (
    ("kind", "kind"),
    ("id", "id"),
    ("part of", "parent_id"),
    ("entity", "entity"),
    ("owner", "owner"),
    ("phase", "phase"),
    ("message", "message"),
    ("worker", "worker"),
    ("created", "created_at"),
    ("started", "start_time"),
    ("ended", "end_time"),
    ("wakes", "wake_at"),
    ("deadline", "deadline"),
    ("correlation", "correlation_id"),
)


def show(
    command_id: Annotated[str, typer.Argument(metavar="ID", help="unique prefix, or 7f3e2a1c.4")],
    tree: Annotated[bool, typer.Option("--tree", help="with all its parts")] = False,
    events: Annotated[bool, typer.Option("--events", help="with its history")] = False,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Show one command: what it is, where it stands, what it may be told."""
    with connect() as server:
        found = _read(server, command_id, tree, events)
    match output:
        case Output.JSON:
            print_json(found)
        case Output.JSONL:
            print_lines([found])
        case Output.TABLE:
            _print(found)


def _read(server: Server, command_id: str, tree: bool, events: bool) -> Json:
    found: Json = server.get(f"commands/{command_id}")
    if tree:
        found["parts_list"] = server.get(f"commands/{found['id']}/tree")["parts_list"]
    if events:
        found["events"] = server.get(f"commands/{found['id']}/events")["items"]
    return found


def _print(command: Json) -> None:
    console = results()
    if "parts_list" in command:
        console.print(render_tree(command, width=console.width))
    else:
        console.print(Text(command["label"], "bold"), status_text(command["status"]))
    console.print(_facts(command))
    for lock in command.get("locks") or ():
        word = "holds" if lock["held"] else "waits for"
        console.print(Text(f"{word} the {lock['mode']} lock on {lock['entity']}", "dim"))
    for task in command.get("tasks") or ():
        console.print(_task_line(task))
    if "events" in command:
        console.print(_events(command["events"]))


def _facts(command: Json) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, Any]] = [(name, command.get(key)) for name, key in _FACTS]
    took = duration_s(command)
    counts = command.get("parts_by_status") or {}
    rows += [
        ("took", None if took is None else clock(took)),
        ("progress", _progress(command)),
        ("attempts", command["attempt"] or None),
        ("parts", ", ".join(f"{n} {status}" for status, n in counts.items())),
        ("parameters", _json(command.get("parameters"))),
        ("returned", _json(command.get("return_value"))),
        ("may be told", ", ".join(command.get("actions") or ())),
    ]
    for name, value in rows:
        if value not in (None, ""):
            table.add_row(name, Text(str(value)))
    return table


def _progress(command: Json) -> str:
    shown = (percent(command["progress"]), command.get("progress_note"))
    return "  ".join(one for one in shown if one)


def _json(value: Any) -> str | None:
    return None if value in (None, {}) else json.dumps(value, ensure_ascii=False)


def _task_line(task: Json) -> Text:
    words = [
        f"{task['system']} task {task['external_id'] or task['task_id']}",
        task["description"],
        task["status"],
        percent(task["progress"]),
        task["message"],
    ]
    return Text("  ".join(str(word) for word in words if word), "dim")


def _events(events: list[Json]) -> Table:
    table = plain_table("seq", "at", "command", "path", "phase", "attempt", "what")
    for event in events:
        table.add_row(
            str(event["seq"]),
            event["at"][11:23],
            event["command_id"][:8],
            Text(" → ".join(event["path"])),
            event["phase"],
            str(event["attempt"]),
            Text(event["deed"] or event["message"] or ""),
        )
    return table
