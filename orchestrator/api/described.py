"""The OpenAPI document: every answer that an operation may give, derived from what it takes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from orchestrator.api.login import asks_who
from orchestrator.api.sessions import COOKIE

PROBLEM = "Problem"
METHODS = ("get", "put", "post", "delete", "patch")
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "the page's session",
    },
}
SAID = {
    400: "the body cannot be read, or is not JSON",
    401: "not logged in, or the token is not in force",
    403: "the caller may not do this",
    404: "there is no such thing, or the caller may not see it",
    405: "the path names another thing, to which this cannot be done",
    409: "the state of the thing forbids this",
    413: "the body is too large",
    422: "a value is wrong; `errors` names the fields",
    503: "the database or the broker does not answer; try again",
}
TEXT = {"type": "string"}
PROBLEM_SCHEMA = {
    "title": PROBLEM,
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "instance": TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": TEXT, "message": TEXT},
            },
        },
    },
}
KEY_HEADER = "Idempotency-Key"
KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": (
        "of the caller's choice. The same request again is not carried out again: it is answered as it was, with"
        " the header `Idempotent-Replayed: true`. Another request with the same key is a conflict."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
REPLACED = ("HTTPValidationError", "ValidationError")  # what FastAPI would answer by itself


class DescribedApp(FastAPI):
    """An app whose OpenAPI document names the problems that each operation may answer."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = with_security(super().openapi(), self._secured())
            self.openapi_schema = with_problems(document)
        return self.openapi_schema

    def _secured(self) -> set[tuple[str, str]]:
        """Gives the path and method of all that callers must be known for."""
        return {
            (str(one.path), method.lower())
            for one in iter_route_contexts(self.routes)
            if isinstance(one.original_route, APIRoute) and asks_who(one.original_route.dependant)
            for method in one.methods or ()
        }


def with_security(document: dict[str, Any], secured: set[tuple[str, str]]) -> dict[str, Any]:
    """Says how callers show who they are. (Were it a dependency of routes, each request would pay for it.)"""
    document.setdefault("components", {})["securitySchemes"] = SECURITY
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if (path, method) in secured:
                operation["security"] = [{name: []} for name in SECURITY]
    return document


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Gives the document with the problems of each operation added."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in REPLACED:
        schemas.pop(name, None)
    schemas[PROBLEM] = PROBLEM_SCHEMA
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                if method != "get" and "security" in operations[method]:
                    operations[method].setdefault("parameters", []).append(KEY_PARAMETER)
                _add_problems(path, method, operations[method])
    return document


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    for status in sorted(problems_of(path, method, operation)):
        answer = answers.setdefault(str(status), {})
        answer.setdefault("description", SAID[status])
        answer["content"] = {
            "application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}
        }


def problems_of(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    """Gives the statuses of the problems that an operation may answer."""
    found = {413, 503}  # the gate stands before all of them, the database behind them
    if path.startswith("/api/"):
        found |= {422}  # an unknown word in the query at the least
    if "requestBody" in operation:
        found |= {400, 401}  # 401: a body may be what logs somebody in
    if "security" in operation:
        found |= {401, 403}
        found |= {409} if method != "get" else set()
        found |= {404} if "requestBody" in operation or operation.get("parameters") else set()
    if "{" in path:
        found |= {404, 405}  # a slash in a value makes another path of it
    return found
