"""`orchestrator submit`: ask for a command, and wait for it if told so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.console import Json, Output, notes, print_json, print_lines, results
from orchestrator.cli.displays import Nothing, choose
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.parameters import read_parameters, read_secrets
from orchestrator.cli.server import connect
from orchestrator.cli.watching import Timeout, check_succeeded, follow, seconds
from orchestrator.cli.words import status_text


def submit(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="see `orchestrator kinds`")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="k=v", help="JSON where it is JSON, else text"),
    ] = None,
    params_file: Annotated[
        Path | None, typer.Option("--params-file", help="JSON or TOML; - is stdin")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="k=SOURCE",
            help="a text from env:VARIABLE, file:PATH, - (a line of stdin) or ask (typed unseen)",
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="the same key again submits nothing new")
    ] = None,
    correlation_id: Annotated[str | None, typer.Option("--correlation-id")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="on whose behalf")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="until it has ended; exit 3 if not well")] = (
        False
    ),
    watch: Annotated[bool, typer.Option("--watch", help="wait, and show the live tree")] = False,
    timeout: Timeout = None,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Submit a command. Prints its id."""
    if timeout is not None and not (wait or watch):
        raise CliError("--timeout goes with --wait or --watch", ExitCode.WRONG_USAGE)
    limit_s = seconds(timeout)
    body: Json = {"kind": kind, "parameters": read_parameters(param or (), params_file)}
    body["parameters"] |= read_secrets(secret or ())
    body |= {"owner": owner} if owner else {}
    body |= {"correlation_id": correlation_id} if correlation_id else {}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    with connect() as server:
        command = server.post("commands", body, headers)
        if idempotency_key:  # a key that was used before is answered as it was then
            command = server.get(f"commands/{command['id']}")
        if not (wait or watch):
            _print(command, output)
            return
        notes().print(f"{command['short_id']}  {command['label']}", style="dim")
        display = choose(output, server.page_of(command["short_id"])) if watch else Nothing()
        ended = follow(server, command["id"], display, timeout_s=limit_s)
        if not watch:
            _print(server.get(f"commands/{ended['id']}"), output)
    check_succeeded(ended)


def _print(command: Json, output: Output) -> None:
    match output:
        case Output.JSON:
            print_json(command)
        case Output.JSONL:
            print_lines([command])
        case Output.TABLE:
            line = f"{command['id']}  {command['label']}  "
            results().print(line, status_text(command["status"]), sep="")
