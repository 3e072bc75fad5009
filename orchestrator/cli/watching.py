"""`orchestrator watch`, and the waiting of `submit`: follow a command until it has ended."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from orchestrator.cli.console import Json, Output, notes
from orchestrator.cli.displays import Display, choose
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.feed import Feed
from orchestrator.cli.server import Server, connect
from orchestrator.cli.words import has_ended, read_duration
from orchestrator.core.status import Status

AT_MOST_EVERY_S = 0.2
"""How often the tree is read while changes pour in."""
AT_LEAST_EVERY_S = 5.0
"""How often it is read when the feed is silent, in case it is silent for a wrong reason."""
CONNECT_S = 5.0

Timeout = Annotated[str | None, typer.Option("--timeout", help="wait so long at most: 90s, 2h")]


def watch(
    command_id: Annotated[str, typer.Argument(metavar="ID", help="unique prefix, or 7f3e2a1c.4")],
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="exit 3 when the command does not succeed")
    ] = False,
    timeout: Timeout = None,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Watch a command until it has ended. Ctrl-C stops watching, not the command."""
    with connect() as server:
        command = server.get(f"commands/{command_id}")
        display = choose(output, server.page_of(command["short_id"]))
        tree = follow(server, command["id"], display, timeout_s=seconds(timeout))
    if exit_status:
        check_succeeded(tree)


def seconds(timeout: str | None) -> float | None:
    """Reads the option."""
    return None if timeout is None else read_duration(timeout).total_seconds()


def check_succeeded(command: Json) -> None:
    """Raises CliError with the code for a failed command unless it succeeded."""
    if command["status"] != Status.SUCCEEDED:
        reason = f": {command['message']}" if command.get("message") else ""
        raise CliError(
            f"command {command['short_id']} ({command['kind']}) {command['status']}{reason}",
            ExitCode.COMMAND_FAILED,
        )


def follow(server: Server, command_id: str, display: Display, *, timeout_s: float | None) -> Json:
    """Shows the command until it has ended; gives its tree.

    Raises CliError with the code for "still running" when the time is up.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    feed = Feed(server, command_id)
    # Only then is the tree read: what changes after that is in the feed.
    feed.wait_until_connected(CONNECT_S)
    tree: Json = server.get(f"commands/{command_id}/tree")
    needs_attention = False
    with display.running():
        try:
            display.changed(tree)
            while not has_ended(tree):
                if not needs_attention and tree["status"] == Status.NEEDS_ATTENTION:
                    needs_attention = True
                    _tell_attention(tree)
                if deadline is not None and time.monotonic() >= deadline:
                    raise _still(tree)
                _take_news(feed, tree, display, deadline)
                tree = server.get(f"commands/{command_id}/tree")
                display.changed(tree)
        finally:
            feed.close()
    return tree


def _take_news(feed: Feed, tree: Json, display: Display, deadline: float | None) -> None:
    """Takes events until one concerns the tree and no more come at once."""
    began = time.monotonic()
    until = began + AT_LEAST_EVERY_S
    concerned = False
    while (now := time.monotonic()) < until:
        left = until - now if deadline is None else min(until, deadline) - now
        if left <= 0:
            return
        event = feed.next(left)
        if event is None:
            continue
        display.happened(event)
        if not concerned:
            concerned = True
            until = min(until, now + AT_MOST_EVERY_S)
        if event["command_id"] == tree["id"] and event["status"] in _FINAL_WORDS:
            return


_FINAL_WORDS = frozenset(one.value for one in Status if one.is_final)


def _still(tree: Json) -> CliError:
    return CliError(
        f"command {tree['short_id']} ({tree['kind']}) is still {tree['status']}; it goes on, see"
        f" `orchestrator watch {tree['short_id']}`",
        ExitCode.STILL_RUNNING,
    )


def _tell_attention(tree: Json) -> None:
    notes().print(
        f"command {tree['short_id']} needs attention: {tree.get('message') or 'see its parts'};"
        " use restart, skip or resolve",
        style="magenta",
    )
