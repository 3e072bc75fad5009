"""`orchestrator grant ...`: let a vendor in at a command, or let it submit a kind."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from orchestrator.cli.console import Json, Output, plain_table, print_items
from orchestrator.cli.server import connect


class About(StrEnum):
    """What a grant is about."""

    COMMAND = "command"
    KIND = "kind"


AboutArgument = Annotated[About, typer.Argument(help="what it is about")]
Subject = Annotated[str, typer.Argument(metavar="ID|KIND", help="the command's id, or the kind")]
VendorName = Annotated[str, typer.Argument(metavar="VENDOR")]
OutputOption = Annotated[Output, typer.Option("--output", "-o")]


def give(
    about: AboutArgument,
    subject: Subject,
    vendor: VendorName,
    reason: Annotated[str, typer.Option("--reason", help="for the audit")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Let a vendor add tasks under a command, or submit commands of a kind."""
    with connect() as server:
        answer = server.call("PUT", f"{_path(about, subject)}/{vendor}", body={"reason": reason})
    _print(answer, output)


def withdraw(
    about: AboutArgument,
    subject: Subject,
    vendor: VendorName,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a grant back; what was done by it stays."""
    with connect() as server:
        answer = server.call("DELETE", f"{_path(about, subject)}/{vendor}")
    _print(answer, output)


def list_grants(
    about: AboutArgument, subject: Subject, output: OutputOption = Output.TABLE
) -> None:
    """List the vendors that were let in."""
    with connect() as server:
        _print(server.get(_path(about, subject)), output)


def _path(about: About, subject: str) -> str:
    return f"{about.value}s/{subject}/grants"


def _print(answer: Json, output: Output) -> None:
    table = plain_table("vendor", "granted by", "at", "reason")
    for one in answer["items"]:
        table.add_row(one["vendor"], one["granted_by"], one["at"], one["reason"])
    print_items(output, answer, table)
