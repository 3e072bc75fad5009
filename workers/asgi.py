"""The web process: the API and the page."""

from __future__ import annotations

import argparse
import secrets
import socket
import sys
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

import uvicorn
from fastapi import FastAPI

from orchestrator.api import ApiSettings, make_app
from orchestrator.cli.private import make_private, write_private
from orchestrator.core.errors import OrchestratorError
from orchestrator.store.single import SqlRequests
from orchestrator.store.webhooks import SqlWebhooks
from workers.logs import configure_logging
from workers.punctual import PunctualProtocol
from workers.settings import Settings
from workers.wiring import wiring


def build() -> FastAPI:
    """Wires the ASGI application, or ends the program: `uvicorn --factory workers.asgi:build`."""
    try:
        return _wired()
    except OrchestratorError as problem:
        sys.exit(str(problem))


def _wired() -> FastAPI:
    wired = wiring()
    return make_app(
        wired.orchestrator,
        tokens=wired.tokens,
        webhooks_book=SqlWebhooks(wired.store),
        requests=SqlRequests(wired.store),
        settings=ApiSettings(webhooks_to_private=wired.settings.webhooks_to_private),
        session_secret=session_secret(wired.settings),
        flower_url=wired.settings.flower_url or None,
        queues=wired.queue_lengths,
        says_open=True,
        probes={"broker": wired.check_broker},
    )


def session_secret(settings: Settings) -> str:
    """Gives what answers that are kept for a while are sealed with; made once, kept in the data directory."""
    if settings.session_secret:
        return settings.session_secret
    path = settings.data_path / "session-secret"
    if not path.exists():
        make_private(path.parent)
        draft = path.with_name(f"{path.name}.{uuid4().hex}")
        write_private(str(draft), secrets.token_urlsafe(32))
        with suppress(
            FileExistsError
        ):  # another process began at the same time: one of them made it
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


def main() -> None:
    """Serves the API and the page in front."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=urlsplit(wiring().settings.api_url).port or 8080
    )
    asked = parser.parse_args()
    configure_logging()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((asked.host, asked.port))
        except OSError as problem:
            sys.exit(f"port {asked.port} of {asked.host} cannot be used: {problem.strerror}")
    uvicorn.run(
        build(), host=asked.host, port=asked.port, log_level="warning", http=PunctualProtocol
    )


if __name__ == "__main__":
    main()
