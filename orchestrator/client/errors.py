"""What the server's problems are to a caller: an exception for each thing that one does about them."""

from __future__ import annotations

from collections.abc import Sequence

import httpx


class ClientError(Exception):
    """The server did not do what was asked. `detail` says why and what to do, `fields` which fields are wrong."""

    def __init__(
        self, detail: str, status: int | None = None, fields: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.fields = tuple(fields)


class BadRequestError(ClientError):
    """What was sent cannot be accepted; the same again will not be either."""


class NotLoggedInError(ClientError):
    """There is no token, or it is not in force (any more)."""


class NotAllowedError(ClientError):
    """The token may not do that."""


class NotFoundError(ClientError):
    """There is no such thing, or the token may not see it."""


class ConflictError(ClientError):
    """The thing exists, and its present state does not allow what was asked."""


class ServerError(ClientError):
    """The server made a mistake."""


class UnavailableError(ClientError):
    """The server, or its database, does not answer; nobody knows whether the request was carried out."""


class StopRequested(Exception):  # noqa: N818 - an order, not a fault of the program
    """Raised in a vendor's task: somebody wants it stopped. Clean up and let it pass."""


class TaskFailed(Exception):  # noqa: N818 - a verdict, not a fault of the program
    """Raised in a vendor's task: it failed, for this reason. The block passes it on to the server, and ends."""


KINDS: dict[int, type[ClientError]] = {
    401: NotLoggedInError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_of(answer: httpx.Response) -> ClientError:
    """Makes the exception for an answer that is a problem; its body must have been read."""
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        found = {}
    text = found.get("detail") or found.get("title") or answer.reason_phrase
    errors = found.get("errors")
    fields = [
        (str(one.get("field")), str(one.get("message")))
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict)
    ]
    status = answer.status_code
    kind = KINDS.get(status, ServerError if status >= 500 else BadRequestError)
    return kind(str(text), status, fields)
