"""The API of the installation, as a program uses it over HTTP."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import httpx

from orchestrator import Command
from orchestrator.app import Orchestrator
from orchestrator.core.errors import UnavailableError
from orchestrator.store.sql import SqlStore
from orchestrator.store.tokens import SqlTokens
from tests.chaos.crew import Member
from tests.chaos.installation import Installation
from tests.services import free_port

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Web:
    """Speaks to the API; all methods raise UnavailableError while it is away or says 503."""

    url: str
    token: str

    def submit(self, command: Command, key: str) -> tuple[str, bool]:
        """Submits a command; gives its id, and whether the key had been used before."""
        asked = {"kind": command.declared.kind, "parameters": command.model_dump(mode="json")}
        answer = self._ask("POST", "/api/v1/commands", asked, {"Idempotency-Key": key})
        if answer.status_code != 201:
            raise AssertionError(f"{key}: {answer.status_code} {answer.text}")
        return answer.json()["id"], "Idempotent-Replayed" in answer.headers

    def health(self, path: str) -> int:
        """Gives the status of `/healthz` or `/readyz`; 0 while nobody answers."""
        try:
            return httpx.get(self.url + path, timeout=PATIENCE_S).status_code
        except httpx.TransportError:
            return 0

    def excuse(self, path: str) -> str:
        """Gives why the API is not ready, in its own words; empty when it is, or says nothing."""
        try:
            answer = httpx.get(self.url + path, timeout=PATIENCE_S)
        except httpx.TransportError:
            return ""
        return str(answer.json()["detail"]) if answer.status_code == 503 else ""

    def _ask(self, verb: str, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        named = {"Authorization": f"Bearer {self.token}", **headers}
        try:
            answer = httpx.request(
                verb, self.url + path, json=body, headers=named, timeout=PATIENCE_S
            )
        except httpx.TransportError as problem:
            raise UnavailableError(f"the API does not answer: {problem}") from problem
        if answer.status_code == 503:
            raise UnavailableError(f"the API says: {answer.text}")
        return answer


def open_web(here: Installation, front: Orchestrator) -> Web:
    """Hires a process for the API, and makes a token for it."""
    port = free_port()
    here.crew.hire(Member("api", [sys.executable, "-m", "workers.asgi", "--port", str(port)]))
    if not isinstance(front.store, SqlStore):
        raise TypeError("the API's tokens are kept in SQL")
    return Web(f"http://127.0.0.1:{port}", SqlTokens(front.store).create("chaos", "admin"))
