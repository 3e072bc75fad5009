"""`orchestrator token ... | login`: who may do what."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.administration import administrate
from orchestrator.cli.console import Output, is_interactive, notes, plain_table, print_items
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.server import Server, connect
from orchestrator.cli.settings import read_settings
from orchestrator.cli.words import age


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
) -> None:
    """Make a token and print it. It cannot be shown again."""
    if local:
        print(administrate("token", name, role.value))
        return
    with connect() as server:
        try:
            print(server.post("tokens", {"name": name, "role": role.value})["token"])
        except CliError as error:
            if error.code is not ExitCode.UNREACHABLE:
                raise
            notes().print(f"{error}; writing into the database instead", style="dim")
            print(administrate("token", name, role.value))


def list_tokens(output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE) -> None:
    """List tokens; never their secrets."""
    with connect() as server:
        answer = server.get("tokens")
    table = plain_table("name", "role", "age", "state")
    for one in answer["items"]:
        state = Text("× revoked", "red") if one["revoked_at"] else Text("✓ in force", "green")
        table.add_row(one["name"], one["role"], age(one["created_at"]), state)
    print_items(output, answer, table)


def revoke(name: Annotated[str, typer.Argument(help="see `orchestrator token list`")]) -> None:
    """Revoke a token; whoever uses it is out at once."""
    with connect() as server:
        server.call("DELETE", f"tokens/{name}")
    print(f"token {name} is revoked")


def login(
    token: Annotated[str | None, typer.Option("--token", help="asked for when left out")] = None,
) -> None:
    """Keep a token for this machine's user, after the server has accepted it."""
    if token is None:
        if not is_interactive():
            raise CliError("there is no terminal to ask in; give --token", ExitCode.WRONG_USAGE)
        token = typer.prompt("token", hide_input=True, err=True)
    settings = read_settings()
    with Server(settings.api_url, token) as server:
        me = server.get("whoami")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    write_private(str(settings.token_file), token)
    print(f"logged in at {server.url} as {me['name']} ({me['role']})")
    if os.environ.get("ORCHESTRATOR_TOKEN"):
        notes().print("ORCHESTRATOR_TOKEN is set and outweighs it", style="yellow")


def write_private(path: str, text: str) -> None:
    """Writes a file that nobody else can read, not even for a moment."""
    draft = f"{path}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)  # a draft left over may have had another mode
        file.write(text.strip() + "\n")
    os.replace(draft, path)
