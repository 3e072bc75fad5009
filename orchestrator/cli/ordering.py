"""`orchestrator stop | restart | skip | clear | resolve`: what operators order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.console import Json, is_interactive, notes, results
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.listing import read_filters
from orchestrator.cli.parameters import read_value
from orchestrator.cli.server import Server, connect
from orchestrator.cli.words import status_text

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID...]", help="unique prefixes, or 7f3e2a1c.4")
]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", "-f", help="instead of ids: all that `list -f` finds, at most 500"),
]
InStatus = Annotated[str | None, typer.Option("--status", "-s", help="and that are in these")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the audit")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]


NEEDS_REASON = ("skip", "resolve", "clear")


class Ending(StrEnum):
    """How a command that needs attention came out, as its operator knows."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


def stop(
    ids: Ids = None,
    reason: Reason = "",
    yes: Yes = False,
    filters: Filters = None,
    status: InStatus = None,
    dry_run: DryRun = False,
) -> None:
    """Stop commands and all below them; what they did is undone."""
    _order("stop", Which(ids, filters, status), reason, yes, dry_run)


def restart(
    ids: Ids = None,
    reason: Reason = "",
    yes: Yes = False,
    filters: Filters = None,
    status: InStatus = None,
    dry_run: DryRun = False,
    from_part: Annotated[
        str | None, typer.Option("--from", help="the part of its sequence to go on from")
    ] = None,
) -> None:
    """Do again what failed, was stopped or is stuck."""
    _order("restart", Which(ids, filters, status), reason, yes, dry_run, from_part=from_part)


def skip(
    ids: Ids = None,
    reason: Reason = "",
    yes: Yes = False,
    filters: Filters = None,
    status: InStatus = None,
    dry_run: DryRun = False,
) -> None:
    """Go on without commands that have not begun or are stuck."""
    _order("skip", Which(ids, filters, status), reason, yes, dry_run)


def clear(
    ids: Ids = None,
    reason: Reason = "",
    yes: Yes = False,
    filters: Filters = None,
    status: InStatus = None,
    dry_run: DryRun = False,
) -> None:
    """Have systems outside forget ended tasks that somebody else began."""
    _order("clear", Which(ids, filters, status), reason, yes, dry_run)


def resolve(
    outcome: Annotated[Ending, typer.Option("--outcome", help="how it came out")],
    ids: Ids = None,
    reason: Reason = "",
    value: Annotated[str | None, typer.Option("--value", help="its return value, JSON")] = None,
    yes: Yes = False,
    filters: Filters = None,
    status: InStatus = None,
    dry_run: DryRun = False,
) -> None:
    """Say how commands that need attention came out."""
    extra = {"outcome": outcome.value, "value": None if value is None else read_value(value)}
    _order("resolve", Which(ids, filters, status), reason, yes, dry_run, **extra)


@dataclass(frozen=True, slots=True)
class Which:
    """Which commands are meant: by their ids, or by what a list is asked for."""

    ids: list[str] | None
    filters: list[str] | None
    status: str | None

    def as_body(self) -> Json:
        """Gives it as orders to many say it. Raises CliError when it says neither, or both."""
        query: Json = read_filters(self.filters or [])
        if self.status is not None:
            query["status"] = self.status
        if bool(self.ids) == bool(query):
            raise CliError("name commands by their ids, or by -f and -s", ExitCode.WRONG_USAGE)
        return {"ids": self.ids} if self.ids else {"query": query}


def _order(verb: str, which: Which, reason: str, yes: bool, dry_run: bool, **extra: Any) -> None:
    body = which.as_body()
    with connect() as server:
        if which.ids and not dry_run:
            _order_each(server, verb, which.ids, reason, yes, extra)
        else:
            _order_many(server, verb, body, reason, yes or dry_run, dry_run, extra)


def _order_each(
    server: Server, verb: str, ids: list[str], reason: str, yes: bool, extra: dict[str, Any]
) -> None:
    if not yes and is_interactive():
        _ask(server, verb, ids)
        reason = reason or _ask_why(verb)
    failures = [error for one in ids if (error := _order_one(server, verb, one, reason, extra))]
    if failures:
        # One code for several failures: that of the first, whose sentence stands first, too.
        raise CliError("\n".join(str(one) for one in failures), failures[0].code)


def _order_many(
    server: Server, verb: str, which: Json, reason: str, yes: bool, dry_run: bool, extra: Json
) -> None:
    """Tries first, where a person can be asked; then orders, and tells what became of each."""
    given = {name: value for name, value in extra.items() if value is not None}
    body = {"verb": verb, "reason": reason, **which, **given}
    if not yes and is_interactive():
        trial = server.post("commands/bulk", {**body, "dry_run": True})
        _tell_many(trial)
        if not typer.confirm(f"{verb} these {trial['done']} commands?", err=True):
            raise CliError("nothing was done", ExitCode.ERROR)
        body["reason"] = reason or _ask_why(verb)
    answer = server.post("commands/bulk", {**body, "dry_run": dry_run})
    _tell_many(answer)
    if answer["refused"]:
        raise CliError(f"{answer['refused']} were refused", ExitCode.CONFLICT)


def _tell_many(answer: Json) -> None:
    would = "would be told to" if answer["dry_run"] else "told to"
    for one in answer["items"]:
        line = Text(f"{one['short_id'] or one['id']}  {one['label'] or ''}  ")
        if one["refused"]:
            line.append(f"refused: {one['refused']}", "yellow")
        elif one["status"]:
            line.append_text(status_text(one["status"]))
        results().print(line)
    more = "; there are more, order again" if answer["more"] else ""
    notes().print(f"{answer['done']} {would} {answer['verb']}{more}", style="dim")


def _ask(server: Server, verb: str, ids: list[str]) -> None:
    for one in ids:
        command = server.get(f"commands/{one}")
        line = f"{command['short_id']}  {command['label']}  "
        notes().print(line, status_text(command["status"]))
        would = server.get(f"commands/{command['id']}/preview", verb=verb)
        notes().print(f"  {would['refused'] or would['sentence']}", style="dim")
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
