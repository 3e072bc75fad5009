"""`orchestrator pause | resume`: nothing new of a command, a kind or an outside scope, until it is resumed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.console import Json, Output, plain_table, print_items
from orchestrator.cli.server import connect
from orchestrator.cli.terminal import say
from orchestrator.cli.words import age

Subject = Annotated[
    str | None,
    typer.Argument(metavar="[ID|kind:K|scope:SYSTEM/SCOPE]", help="what; none lists all"),
]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the audit")]
OutputOption = Annotated[Output, typer.Option("--output", "-o")]


def pause(
    subject: Subject = None, reason: Reason = "", output: OutputOption = Output.TABLE
) -> None:
    """Begin nothing new of it; what runs goes on. Without a subject, list what is paused."""
    with connect() as server:
        if subject is not None:
            whole = subject if ":" in subject else f"command:{subject}"
            _print(server.post("pauses", {"subject": whole, "reason": reason}), output)
        else:
            _print(server.get("pauses"), output)


def resume(
    subject: Annotated[str, typer.Argument(metavar="ID|kind:K|scope:SYSTEM/SCOPE")],
    reason: Reason = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Begin again what was paused."""
    whole = subject if ":" in subject else f"command:{subject}"
    with connect() as server:
        _print(
            server.post("pauses/resume", {"subject": whole, "reason": reason}),
            output,
        )


def unlock(
    entity: Annotated[str, typer.Argument(metavar="TYPE:ID", help="as `locks` shows it")],
    reason: Annotated[str, typer.Option("--reason", help="why; kept in the audit")],
) -> None:
    """Free a lock that no command which has not ended holds."""
    with connect() as server:
        server.post("locks/unlock", {"entity": entity, "reason": reason})
    say(f"the lock on {entity} is free")


def _print(answer: Json, output: Output) -> None:
    table = plain_table("paused", "by", "age", "why")
    for one in answer["items"]:
        table.add_row(Text(one["subject"]), one["by"], age(one["at"]), one["reason"])
    print_items(output, answer, table)
