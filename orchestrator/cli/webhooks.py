"""`orchestrator webhook ...`: where vendors are told of their work, and what could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.console import Json, Output, plain_table, print_items
from orchestrator.cli.server import connect
from orchestrator.cli.terminal import say

WebhookId = Annotated[str, typer.Argument(metavar="ID")]
OutputOption = Annotated[Output, typer.Option("--output", "-o")]
NewsOption = Annotated[list[str] | None, typer.Option("--news", help="all, unless named")]
TopicsOption = Annotated[list[str] | None, typer.Option("--topic", help="all, unless named")]


def add(
    url: Annotated[str, typer.Argument(metavar="URL")],
    vendor: Annotated[str | None, typer.Option("--vendor", help="for admins")] = None,
    news: NewsOption = None,
    topic: TopicsOption = None,
) -> None:
    """Register a webhook and print its secret, which is shown this once."""
    body = _body(url, news, topic) | ({"vendor": vendor} if vendor else {})
    with connect() as server:
        made = server.call("POST", "webhooks", body=body)
    say(made["id"], made["secret"])


def change(
    webhook: WebhookId,
    url: Annotated[str, typer.Argument(metavar="URL")],
    news: NewsOption = None,
    topic: TopicsOption = None,
) -> None:
    """Change where and of what a vendor is told; the secret stays."""
    with connect() as server:
        server.call("PUT", f"webhooks/{webhook}", body=_body(url, news, topic))


def rotate(webhook: WebhookId) -> None:
    """Make a new secret and print it; for a day the old one signs too."""
    with connect() as server:
        say(server.call("POST", f"webhooks/{webhook}/rotate")["secret"])


def remove(webhook: WebhookId) -> None:
    """Forget a webhook, and all that was to be delivered to it."""
    with connect() as server:
        server.call("DELETE", f"webhooks/{webhook}")


def list_webhooks(output: OutputOption = Output.TABLE) -> None:
    """List webhooks; never their secrets."""
    with connect() as server:
        _print(server.get("webhooks"), output, "id", "vendor", "url", "news", "topics")


def dead(output: OutputOption = Output.TABLE) -> None:
    """List what could not be delivered."""
    with connect() as server:
        answer = server.get("webhooks/dead-letters")
    _print(answer, output, "id", "vendor", "news", "tries", "at", "problem")


def resend(delivery: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Send a dead letter again."""
    with connect() as server:
        server.call("POST", f"webhooks/dead-letters/{delivery}/resend")


def _body(url: str, news: list[str] | None, topics: list[str] | None) -> dict[str, Any]:
    return {"url": url, "topics": topics or []} | ({"news": news} if news else {})


def _print(answer: Json, output: Output, *columns: str) -> None:
    table = plain_table(*columns)
    for one in answer["items"]:
        cells = (one[column] for column in columns)
        table.add_row(*(" ".join(it) if isinstance(it, list) else str(it) for it in cells))
    print_items(output, answer, table)
