"""Finds the addresses behind a webhook's URL, and refuses those that lead into our own network."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from orchestrator.core.errors import BadInputError
from orchestrator.core.webhook import is_public

MOST_URL = 2_000


def addresses_of(url: str, *, allow_private: bool) -> list[tuple[str, int]]:
    """Gives what the URL's host stands for now, each address with its port.

    Raises BadInputError for a URL that is no `https` one, and for a host with a private, loopback or link-local
    address, unless those are allowed.
    """
    try:
        parts = urlsplit(url)
        port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    except ValueError as problem:
        raise BadInputError(f"the webhook's url cannot be read: {problem}") from problem
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
        raise BadInputError(
            f"a webhook's url begins with {' or '.join(schemes)}:// and names a host and no user"
        )
    if port == 0:
        raise BadInputError("a webhook's url names port 0, which is none")
    if len(url) > MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadInputError(f"a webhook's url is printable ascii of at most {MOST_URL} characters")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise BadInputError(
            f"the webhook's host {parts.hostname!r} has no address: {problem}"
        ) from problem
    addresses = [(str(one[4][0]), port) for one in found]
    if not allow_private:
        _check_public(parts.hostname, addresses)
    return addresses


def _check_public(host: str, addresses: list[tuple[str, int]]) -> None:
    for address, _ in addresses:
        if not is_public(address):
            raise BadInputError(
                f"the webhook's host {host!r} is {address}, which is not public;"
                " the setting WEBHOOKS_TO_PRIVATE allows such addresses"
            )
