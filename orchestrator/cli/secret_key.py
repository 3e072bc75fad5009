"""`orchestrator secret-key`: make a key for secret parameters, and re-encrypt what older keys encrypted."""

from __future__ import annotations

import base64
import json
import secrets

from orchestrator.cli.administration import administrate
from orchestrator.cli.console import notes
from orchestrator.cli.exits import CliError
from orchestrator.cli.terminal import say

KEY_BYTES = 32


def new() -> None:
    """Make a key for secret parameters, and print it. It is kept nowhere."""
    say(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    notes().print(
        "set ORCHESTRATOR_SECRET_KEY to it for all programs; to change keys put it before the old one,"
        " with a comma between",
        style="dim",
    )


def reencrypt() -> None:
    """Encrypt all stored secrets with the first key, so that the others can be taken away."""
    answer = json.loads(administrate("reencrypt"))
    say(f"{answer['changed']} values re-encrypted with the key {answer['key']}")
    if answer["left"]:
        missing = ", ".join(answer["missing"])
        raise CliError(
            f"{answer['left']} secrets stay as they are: they were encrypted with keys that are not set"
            f" here ({missing}); add those to ORCHESTRATOR_SECRET_KEY, or give the secrets up"
        )
