"""Puts the program together: every command under its name, errors to exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator.cli import (
    access,
    auditing,
    granting,
    listing,
    looking,
    ordering,
    showing,
    submitting,
    upkeep,
    vendors,
    watching,
    webhooks,
)
from orchestrator.cli.console import notes
from orchestrator.cli.demo.command import demo
from orchestrator.cli.doctor import doctor
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.terminal import say
from orchestrator.cli.up.command import up


class Program(TyperGroup):
    """A group whose commands end with one sentence and their exit code instead of a trace."""

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
    app.command("submit")(submitting.submit)
    app.command("list")(listing.list_commands)
    app.command("show")(showing.show)
    app.command("watch")(watching.watch)
    for order in (ordering.stop, ordering.restart, ordering.skip, ordering.resolve):
        app.command(order.__name__)(order)
    for look in (looking.kinds, looking.workers, looking.queues, looking.adapters, looking.locks):
        app.command(look.__name__)(look)
    app.command("audit")(auditing.audit)
    app.command("login")(access.login)
    app.command("gc")(upkeep.gc)
    app.command("doctor")(doctor)
    app.command("up")(up)
    app.command("demo")(demo)
    _add_groups(app)
    return app


def _add_groups(app: typer.Typer) -> None:
    external = _group("Report on vendors' tasks from a script.")
    for report in (
        vendors.create,
        vendors.update,
        vendors.heartbeat,
        vendors.complete,
        vendors.fail,
    ):
        external.command(report.__name__)(report)
    app.add_typer(external, name="external")
    grant = _group("Let vendors in where they have nothing of their own.")
    grant.command("give")(granting.give)
    grant.command("withdraw")(granting.withdraw)
    grant.command("list")(granting.list_grants)
    app.add_typer(grant, name="grant")
    webhook = _group("Tell vendors of their work, and send again what was not delivered.")
    for one in (webhooks.add, webhooks.change, webhooks.rotate, webhooks.remove):
        webhook.command(one.__name__)(one)
    webhook.command("list")(webhooks.list_webhooks)
    webhook.command("dead")(webhooks.dead)
    webhook.command("resend")(webhooks.resend)
    app.add_typer(webhook, name="webhook")
    token = _group("Make, list and revoke tokens.")
    token.command("create")(access.create)
    token.command("list")(access.list_tokens)
    token.command("revoke")(access.revoke)
    app.add_typer(token, name="token")
    database = _group("The database's schema.")
    database.command("upgrade")(upkeep.upgrade)
    database.command("current")(upkeep.current)
    app.add_typer(database, name="db")
    config = _group("The settings in force.")
    config.command("show")(upkeep.config_show)
    app.add_typer(config, name="config")


def _group(text: str) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_nothing)  # keeps a group with one command a group
    return group


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
    say(version("orchestrator"))
    raise typer.Exit


__all__ = ["make_app"]
