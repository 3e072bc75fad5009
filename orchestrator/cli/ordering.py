"""`orchestrator stop | restart | skip | resolve`: what operators order."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from orchestrator.cli.console import is_interactive, notes, results
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.parameters import read_value
from orchestrator.cli.server import Server, connect
from orchestrator.cli.words import status_text

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="unique prefixes, or 7f3e2a1c.4")]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the audit")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]


NEEDS_REASON = ("skip", "resolve")


class Ending(StrEnum):
    """How a command that needs attention came out, as its operator knows."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


def stop(ids: Ids, reason: Reason = "", yes: Yes = False) -> None:
    """Stop commands and all below them; what they did is undone."""
    _order("stop", ids, reason, yes)


def restart(ids: Ids, reason: Reason = "", yes: Yes = False) -> None:
    """Do again what failed, was stopped or is stuck."""
    _order("restart", ids, reason, yes)


def skip(ids: Ids, reason: Reason = "", yes: Yes = False) -> None:
    """Go on without commands that have not begun or are stuck."""
    _order("skip", ids, reason, yes)


def resolve(
    ids: Ids,
    outcome: Annotated[Ending, typer.Option("--outcome", help="how it came out")],
    reason: Reason = "",
    value: Annotated[str | None, typer.Option("--value", help="its return value, JSON")] = None,
    yes: Yes = False,
) -> None:
    """Say how commands that need attention came out."""
    extra = {"outcome": outcome.value}
    _order("resolve", ids, reason, yes, **extra, value=None if value is None else read_value(value))


def _order(verb: str, ids: list[str], reason: str, yes: bool, **extra: Any) -> None:
    with connect() as server:
        if not yes and is_interactive():
            _ask(server, verb, ids)
            reason = reason or _ask_why(verb)
        failures = [error for one in ids if (error := _order_one(server, verb, one, reason, extra))]
    if failures:
        # One code for several failures: that of the first, whose sentence stands first, too.
        raise CliError("\n".join(str(one) for one in failures), failures[0].code)


def _ask(server: Server, verb: str, ids: list[str]) -> None:
    for one in ids:
        command = server.get(f"commands/{one}")
        line = f"{command['short_id']}  {command['label']}  "
        notes().print(line, status_text(command["status"]))
    what = "this command" if len(ids) == 1 else f"these {len(ids)} commands"
    if not typer.confirm(f"{verb} {what}?", err=True):
        raise CliError(f"nothing was done; {what} were left alone", ExitCode.ERROR)


def _ask_why(verb: str) -> str:
    """Asks for the reason as the page does: one must be given where a person decides what nobody can know."""
    if verb in NEEDS_REASON:
        return str(typer.prompt("reason", err=True))
    return str(
        typer.prompt(
            "reason (optional, kept in the history)", default="", err=True, show_default=False
        )
    )


def _order_one(
    server: Server, verb: str, command_id: str, reason: str, extra: dict[str, Any]
) -> CliError | None:
    given = {name: value for name, value in extra.items() if value is not None}
    try:
        command = server.post(f"commands/{command_id}/{verb}", {"reason": reason, **given})
    except CliError as error:
        return error
    line = f"{command['short_id']}  {command['label']}  "
    results().print(line, status_text(command["status"]), sep="")
    return None
