"""`orchestrator external ...`: report on a vendor's tasks from a script."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.console import Json, Output, print_json, print_lines, results
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.parameters import read_value
from orchestrator.cli.server import connect
from orchestrator.cli.words import percent, read_duration, status_text

TaskId = Annotated[str, typer.Argument(metavar="ID", help="the task's id, or a unique prefix")]
Progress = Annotated[
    float | None, typer.Option("--progress", min=0, max=100, help="percent of the whole")
]
Message = Annotated[str | None, typer.Option("--message", "-m")]
OutputOption = Annotated[Output, typer.Option("--output", "-o")]


def create(
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION")],
    parent: Annotated[
        str | None, typer.Option("--parent", help="a command or task; none is a job of its own")
    ] = None,
    vendor: Annotated[
        str | None, typer.Option("--vendor", help="default: the token's name")
    ] = None,
    lease: Annotated[
        str | None, typer.Option("--lease", help="silence after which it is stale: 90s, 5m")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="a JSON object")] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="what the vendor's programs fetch it by")
    ] = None,
    can_undo: Annotated[
        bool, typer.Option("--can-undo", help="the vendor undoes it when a later part fails")
    ] = False,
    open_to: Annotated[
        list[str] | None, typer.Option("--open-to", help="a vendor that may add tasks below it")
    ] = None,
    idempotency_key: Annotated[str | None, typer.Option("--idempotency-key")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register a task that runs elsewhere; prints its id."""
    body: Json = {"description": description, "parent": parent, "vendor": vendor}
    body["lease_s"] = None if lease is None else read_duration(lease).total_seconds()
    body["data"] = None if data is None else _object(data)
    body |= {"topic": topic, "can_undo": can_undo or None, "open_to": open_to or None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    with connect() as server:
        _print(server.post("external-tasks", _given(body), headers), output)


def update(
    task_id: TaskId,
    progress: Progress = None,
    message: Message = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Report how far a task is."""
    share = None if progress is None else progress / 100
    _report(task_id, output, status="running", progress=share, message=message)


def heartbeat(task_id: TaskId, output: OutputOption = Output.TABLE) -> None:
    """Say that a task is alive."""
    with connect() as server:
        task = server.post(f"external-tasks/{task_id}/heartbeat")
        _print(task or server.get(f"external-tasks/{task_id}"), output)


def complete(
    task_id: TaskId,
    result: Annotated[str | None, typer.Option("--result", help="JSON, or text")] = None,
    message: Message = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Report that a task has succeeded."""
    value = None if result is None else read_value(result)
    _report(task_id, output, status="succeeded", result=value, message=message)


def fail(
    task_id: TaskId,
    message: Annotated[str, typer.Option("--message", "-m", help="what went wrong")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Report that a task has failed."""
    _report(task_id, output, status="failed", message=message)


def _report(task_id: str, output: Output, **news: Any) -> None:
    with connect() as server:
        _print(server.call("PATCH", f"external-tasks/{task_id}", body=_given(news)), output)


def _given(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}


def _object(text: str) -> Json:
    value = read_value(text)
    if not isinstance(value, dict):
        raise CliError(f"--data must be a JSON object, not {text!r}", ExitCode.WRONG_USAGE)
    return value


def _print(task: Json, output: Output) -> None:
    match output:
        case Output.JSON:
            print_json(task)
        case Output.JSONL:
            print_lines([task])
        case Output.TABLE:
            line = f"{task['id']}  {task['description']}  {percent(task['progress'])}"
            results().print(f"{line.rstrip()}  ", status_text(task["status"]), sep="")
