"""The REST API as the program calls it; its problems become exit codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx

from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.settings import read_settings
from orchestrator.client.calls import Call, path_of
from orchestrator.client.client import Client
from orchestrator.client.errors import ClientError, error_of

_CODES = {
    400: ExitCode.WRONG_USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    413: ExitCode.WRONG_USAGE,
    422: ExitCode.WRONG_USAGE,
    502: ExitCode.UNREACHABLE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.UNREACHABLE,
}


class Server:
    """The server at a URL, asked as the owner of the token. Paths are
    relative to `/api/v1`, those with a leading slash to its root.

    All methods raise CliError with the code for what went wrong.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        try:
            self._client = Client(self.url, token, retry_s=0)
        except (httpx.InvalidURL, ValueError) as error:
            raise CliError(f"API_URL {self.url!r} is no URL: {error}") from error
        self.http = self._client.http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """Reads; parameters that are None are left out."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Sends a JSON body and gives the JSON answer, or None."""
        return self.call("POST", path, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Makes one request and gives its JSON, or None when there is none."""
        asked = Call(
            method=method, path=path, params=params or {}, body=body, headers=headers or {}
        )
        try:
            return self._client.call(asked)
        except ClientError as error:
            if error.status is None:
                raise self.unreachable(error.__cause__ or error) from error
            raise as_cli_error(error) from error

    def path(self, path: str) -> str:
        """Gives the full path of a relative one."""
        return path_of(path)

    def page_of(self, command_id: str) -> str:
        """Gives the address of a command's web page."""
        return f"{self.url}/commands/{command_id}"

    def unreachable(self, error: BaseException) -> CliError:
        """Makes the error for a server that does not answer."""
        reason = str(error) or type(error).__name__
        return CliError(
            f"no server answers at {self.url} ({reason});"
            " start one with `orchestrator up`, or set ORCHESTRATOR_API_URL",
            ExitCode.UNREACHABLE,
        )


def connect() -> Server:
    """Gives the server that the settings name; nothing is sent yet."""
    settings = read_settings()
    return Server(settings.api_url, settings.find_token())


def problem(answer: httpx.Response) -> CliError:
    """Makes the error for an answer that is a problem; its body must have been read."""
    return as_cli_error(error_of(answer))


def as_cli_error(error: ClientError) -> CliError:
    """Gives a problem with its exit code."""
    text = error.detail
    if error.status == httpx.codes.UNAUTHORIZED:
        text = f"{text}; or log in with `orchestrator login`"
    return CliError(text, _CODES.get(error.status or 0, ExitCode.ERROR))
