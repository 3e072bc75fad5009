"""Puts the program together: every command under its name, errors to exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from orchestrator.cli.console import notes
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.terminal import say

COMMANDS = {
    "submit": "submitting:submit",
    "list": "listing:list_commands",
    "show": "showing:show",
    "watch": "watching:watch",
    "stop": "ordering:stop",
    "restart": "ordering:restart",
    "skip": "ordering:skip",
    "clear": "ordering:clear",
    "resolve": "ordering:resolve",
    "pause": "pausing:pause",
    "resume": "pausing:resume",
    "unlock": "pausing:unlock",
    "kinds": "looking:kinds",
    "workers": "looking:workers",
    "queues": "looking:queues",
    "adapters": "looking:adapters",
    "locks": "looking:locks",
    "audit": "auditing:audit",
    "login": "access:login",
    "gc": "upkeep:gc",
    "doctor": "doctor:doctor",
    "up": "up.command:up",
    "demo": "demo.command:demo",
}
"""Where each command's function is: a module of this package, and its name there."""
GROUPS = {
    "external": (
        "Report on vendors' tasks from a script.",
        {name: f"vendors:{name}" for name in ("create", "update", "heartbeat", "complete", "fail")},
    ),
    "grant": (
        "Let vendors in where they have nothing of their own.",
        {
            "give": "granting:give",
            "withdraw": "granting:withdraw",
            "list": "granting:list_grants",
        },
    ),
    "webhook": (
        "Tell vendors of their work, and send again what was not delivered.",
        {
            **{name: f"webhooks:{name}" for name in ("add", "change", "rotate", "remove")},
            "list": "webhooks:list_webhooks",
            "dead": "webhooks:dead",
            "resend": "webhooks:resend",
        },
    ),
    "token": (
        "Make, list and revoke tokens.",
        {"create": "access:create", "list": "access:list_tokens", "revoke": "access:revoke"},
    ),
    "db": (
        "The database's schema.",
        {"upgrade": "upkeep:upgrade", "current": "upkeep:current"},
    ),
    "secret-key": (
        "Make a key for secret parameters, and re-encrypt what older keys encrypted.",
        {"new": "secret_key:new", "reencrypt": "secret_key:reencrypt"},
    ),
    "config": ("The settings in force.", {"show": "upkeep:config_show"}),
}


class Program(TyperGroup):
    """A group whose commands end with one sentence and their exit code instead of a trace.

    A command's code is loaded when the command is asked for: to load all of it takes longer than most of them.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Gives all names, in the order in which they are learnt."""
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Loads a command, or a group of them."""
        if cmd_name in COMMANDS:
            single = typer.Typer(rich_markup_mode=None)
            single.command(cmd_name)(_load(COMMANDS[cmd_name]))
            return typer.main.get_command(single)
        if cmd_name not in GROUPS:
            return None
        text, commands = GROUPS[cmd_name]
        group = typer.Typer(name=cmd_name, help=text, no_args_is_help=True, rich_markup_mode=None)
        group.callback()(_nothing)  # keeps a group with one command a group
        for name, home in commands.items():
            group.command(name)(_load(home))
        return typer.main.get_command(group)

    def main(self, args: Sequence[str] | None = None, *others: Any, **more: Any) -> Any:
        """Runs the program. Ends it at once for an argument that is no text: it could not even be named."""
        words = list(sys.argv[1:] if args is None else args)
        for word in words:
            if any("\ud800" <= one <= "\udfff" for one in word):
                notes().print(
                    f"error: the argument {word!a} is no text; write it in UTF-8",
                    style="red",
                )
                sys.exit(ExitCode.WRONG_USAGE)
        return super().main(words, *others, **more)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as error:
            notes().print(f"error: {error}", style="red")
            raise typer.Exit(error.code) from error


def make_app() -> typer.Typer:
    """Makes the program."""
    app = typer.Typer(
        cls=Program,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    return app


def _load(home: str) -> Callable[..., Any]:
    module, _, name = home.partition(":")
    found = getattr(import_module(f"orchestrator.cli.{module}"), name)
    return cast("Callable[..., Any]", found)


def _nothing() -> None:
    return None


def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda asked: _print_version() if asked else None,
            help="print the version and exit",
        ),
    ] = False,
) -> None:
    """Durable commands on Celery: submit, watch and steer long operations in other systems."""
    del show_version


def _print_version() -> None:
    say(import_module("importlib.metadata").version("orchestrator"))
    raise typer.Exit


__all__ = ["make_app"]
