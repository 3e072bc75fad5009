"""`orchestrator kinds | workers | queues | adapters | locks`: what the system consists of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.console import Json, Output, plain_table, print_items
from orchestrator.cli.server import connect
from orchestrator.cli.terminal import one_line
from orchestrator.cli.words import age

OutputOption = Annotated[Output, typer.Option("--output", "-o")]


def kinds(output: OutputOption = Output.TABLE) -> None:
    """List the kinds of commands and their parameters."""
    _show("kinds", output, ("kind", "version", "parameters", "what it does"), _kind_row)


def workers(output: OutputOption = Output.TABLE) -> None:
    """List the processes that run verbs, and those that schedule."""
    columns = ("name", "role", "state", "host", "pid", "up", "kinds", "claims")
    _show("workers", output, columns, _worker_row)


def queues(output: OutputOption = Output.TABLE) -> None:
    """List the broker's queues and how many messages wait there."""
    _show("queues", output, ("queue", "messages"), lambda one: (one["name"], one.get("length")))


def adapters(output: OutputOption = Output.TABLE) -> None:
    """List the outside systems, whether they answer, and what is open and was found there."""
    with connect() as server:
        answer = server.get("adapters")
    table = plain_table("adapter", "scope", "state", "asked", "open", "found")
    for row in _system_rows(answer["items"]):
        table.add_row(*(_cell(one) for one in row))
    print_items(output, answer, table)


def locks(output: OutputOption = Output.TABLE) -> None:
    """List the locks on entities: who holds them, who waits."""
    _show("locks", output, ("entity", "mode", "state", "command", "since"), _lock_row)


def _show(path: str, output: Output, columns: tuple[str, ...], row: Any) -> None:
    with connect() as server:
        answer = server.get(path)
    table = plain_table(*columns)
    for item in answer["items"]:
        table.add_row(*(_cell(one) for one in row(item)))
    print_items(output, answer, table)


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    return Text("" if value is None else str(value))


def _kind_row(kind: Json) -> Iterable[Any]:
    schema = kind.get("parameters") or {}
    required = set(schema.get("required") or ())
    names = [name if name in required else f"[{name}]" for name in (schema.get("properties") or {})]
    text = str(kind.get("doc") or kind.get("label") or "").strip().partition("\n")[0]
    return kind["kind"], kind["version"], " ".join(names), text


def _worker_row(worker: Json) -> Iterable[Any]:
    alive = Text("✓ alive", "green") if worker["alive"] else Text("× gone", "red")
    return (
        worker["name"],
        worker["role"],
        alive,
        worker["host"],
        worker["pid"],
        age(worker["started_at"]),
        len(worker.get("kinds") or ()),
        worker.get("claims"),
    )


def _system_rows(adapters: list[Json]) -> Iterable[Iterable[Any]]:
    for adapter in adapters:
        quiet = {"scope": None, "answers": None, "open_tasks": None, "found": None}
        for one in adapter["systems"] or [quiet]:
            yield (
                adapter["name"],
                one["scope"],
                _answer(adapter, one),
                age(one["asked_at"]) if one["answers"] is not None else None,
                one["open_tasks"],
                one["found"],
            )


def _answer(adapter: Json, scope: Json) -> Text:
    if scope["answers"] is None:
        return Text("reports by itself" if adapter["pushes"] else "not asked yet", "dim")
    if scope["answers"]:
        return Text("✓ answers", "green")
    return Text(f"× for {age(scope['problem_since'])}: {one_line(scope['problem'])}", "red")


def _lock_row(lock: Json) -> Iterable[Any]:
    state = Text("held", "green") if lock["held"] else Text("waits", "yellow")
    return lock["entity"], lock["mode"], state, lock["command_id"][:8], age(lock.get("since"))
