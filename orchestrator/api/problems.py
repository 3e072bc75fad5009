"""Errors as RFC 9457 problems: each names the thing, its state and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from orchestrator.api.attempts import TooManyAttemptsError
from orchestrator.core.catalog import problem_text
from orchestrator.core.errors import (
    BadInputError,
    ConflictError,
    ContendedError,
    NotAllowedError,
    NotFoundError,
    OrchestratorError,
    UnavailableError,
    UnreadableError,
)

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 2
STATUS = {
    BadInputError: 422,
    NotFoundError: 404,
    ConflictError: 409,
    NotAllowedError: 403,
    TooManyAttemptsError: 429,
    UnavailableError: 503,
    ContendedError: 503,
    UnreadableError: 409,
}


class NotLoggedInError(OrchestratorError):
    """The request carries no token or session that is in force."""


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Gives the answer. `errors` are `{field, message}`, one for each thing that is wrong."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def answer_problems(app: FastAPI) -> None:
    """Has the app answer every error as a problem."""
    app.add_exception_handler(OrchestratorError, _ours)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _ours(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotLoggedInError):
        return problem(request, 401, str(error), headers={"WWW-Authenticate": "Bearer"})
    status = next((code for known, code in STATUS.items() if isinstance(error, known)), 500)
    cause = error.__cause__
    errors = (
        _fields(cause.errors(include_url=False)) if isinstance(cause, ValidationError) else None
    )
    return problem(request, status, str(error), errors=errors, headers=when_to_retry(error, status))


def when_to_retry(error: Exception, status: int) -> dict[str, str]:
    """Gives the header that says after how many seconds to try again, where that may help."""
    if isinstance(error, TooManyAttemptsError):
        return {"Retry-After": str(error.retry_after_s)}
    return {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(request, 400, "the body is not JSON")
    errors = _fields(found)
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors)
    return problem(request, 422, detail, errors=errors)


def _fields(found: Any) -> list[dict[str, str]]:
    return [
        {
            "field": ".".join(str(part) for part in one["loc"] if part != "body") or "body",
            "message": problem_text(one["msg"]),
        }
        for one in found
    ]


def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _unexpected(request, error)
    headers = dict(error.headers) if error.headers else None
    details = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} cannot be done to {request.url.path}",
    }
    known = details.get(error.status_code, error.detail)
    return problem(request, error.status_code, known, headers=headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return problem(request, 500, f"the server made a mistake ({type(error).__name__}); see its log")
