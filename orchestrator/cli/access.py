"""`orchestrator token ... | login`: who may do what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.administration import administrate
from orchestrator.cli.console import Json, Output, is_interactive, notes, plain_table, print_items
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.private import make_private, write_private
from orchestrator.cli.server import Server, connect
from orchestrator.cli.settings import read_settings
from orchestrator.cli.terminal import say
from orchestrator.cli.words import age, read_duration


class Role(StrEnum):
    """What the owner of a token may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    VENDOR = "vendor"


def create(
    name: Annotated[str, typer.Argument(help="whose it is; a vendor's name for role vendor")],
    role: Annotated[Role, typer.Option("--role", help="what it allows")],
    local: Annotated[
        bool, typer.Option("--local", help="write into the database of this machine's settings")
    ] = False,
    vendor: Annotated[
        str | None, typer.Option("--vendor", help="whom it speaks for; default: its name")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="how long it is in force: 90d, 12h")
    ] = None,
    acts_for_others: Annotated[
        bool, typer.Option("--acts-for-others", help="may submit in the name of another owner")
    ] = False,
) -> None:
    """Make a token and print it. It cannot be shown again."""
    body: Json = {"name": name, "role": role.value, "acts_for_others": acts_for_others}
    words = ["token", name, role.value, *(["--acts-for-others"] if acts_for_others else ())]
    if vendor is not None:
        body["vendor"] = vendor
        words += ["--vendor", vendor]
    if expires is not None:
        body["expires_at"] = read_duration(expires).total_seconds()
        words += ["--expires-in-s", str(body["expires_at"])]
    if local:
        say(administrate(*words))
        return
    with connect() as server:
        try:
            say(server.post("tokens", body)["token"])
        except CliError as error:
            if error.code is not ExitCode.UNREACHABLE:
                raise
            notes().print(f"{error}; writing into the database instead", style="dim")
            say(administrate(*words))


def list_tokens(output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE) -> None:
    """List tokens; never their secrets."""
    with connect() as server:
        answer = server.get("tokens")
    table = plain_table("name", "role", "vendor", "age", "expires", "state")
    for one in answer["items"]:
        state = Text("× revoked", "red") if one["revoked_at"] else Text("✓ in force", "green")
        expires = one["expires_at"] or "never"
        vendor = one["vendor"] or ""
        table.add_row(one["name"], one["role"], vendor, age(one["created_at"]), expires, state)
    print_items(output, answer, table)


def revoke(name: Annotated[str, typer.Argument(help="see `orchestrator token list`")]) -> None:
    """Revoke a token; whoever uses it is out at once."""
    with connect() as server:
        server.call("DELETE", f"tokens/{name}")
    say(f"token {name} is revoked")


def login(
    token: Annotated[str | None, typer.Option("--token", help="asked for when left out")] = None,
    link: Annotated[
        bool, typer.Option("--link", help="print a link that signs a browser in, for a while")
    ] = False,
) -> None:
    """Keep a token for this machine's user, after the server has accepted it."""
    if link:
        say(sign_in_link(read_settings().api_url))
        return
    if token is None:
        if not is_interactive():
            raise CliError("there is no terminal to ask in; give --token", ExitCode.WRONG_USAGE)
        token = typer.prompt("token", hide_input=True, err=True)
    settings = read_settings()
    with Server(settings.api_url, token) as server:
        me = server.get("whoami")
    make_private(settings.data_dir)
    write_private(str(settings.token_file), token)
    say(f"logged in at {server.url} as {me['name']} ({me['role']})")
    if os.environ.get("ORCHESTRATOR_TOKEN"):
        notes().print("ORCHESTRATOR_TOKEN is set and outweighs it", style="yellow")


def sign_in_link(api_url: str, environment: Mapping[str, str] | None = None) -> str:
    """Gives a link that signs a browser in as the owner of this machine's token, for a quarter of an hour.

    What it carries stands behind a #, which browsers send to nobody, and is of no use later.
    """
    return f"{api_url}/#sign-in={administrate('sign-in', environment=environment)}"
