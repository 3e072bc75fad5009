"""The routes of oVirt's API: who asks, what is asked, and faults for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog
from anyio import to_thread
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.api.desk import Desk
from orchestrator.api.once import WRITING, key_of, once
from orchestrator.api.ovirt import jobs, steps
from orchestrator.api.ovirt.ask import Answer, Ask
from orchestrator.api.ovirt.sso import caller_of, log_in, log_out
from orchestrator.api.ovirt.wire import BODY_BYTES, JSON, XML, written
from orchestrator.api.problems import RETRY_AFTER_S, STATUS, NotLoggedInError
from orchestrator.core.access import Permission
from orchestrator.core.errors import BadInputError, NotFoundError, OrchestratorError

log = structlog.get_logger(__name__)

Act: TypeAlias = Callable[[Ask], Answer]
API = "/ovirt-engine/api"
SSO = "/ovirt-engine/sso/oauth/token"
LOGOUTS = ("/ovirt-engine/services/sso-logout", "/ovirt-engine/sso/oauth/revoke")


@dataclass(frozen=True, slots=True)
class Spot:
    """A path below the API, and what each method does there."""

    path: str
    acts: Mapping[str, Act]
    is_action: bool = False


SPOTS = (
    Spot("", {"GET": jobs.show_api}),
    Spot("/jobs", {"GET": jobs.list_jobs, "POST": jobs.add_job}),
    Spot("/jobs/{job_id}", {"GET": jobs.show_job}),
    Spot("/jobs/{job_id}/end", {"POST": jobs.end_job}, is_action=True),
    Spot("/jobs/{job_id}/clear", {"POST": jobs.clear_job}, is_action=True),
    Spot("/jobs/{job_id}/steps", {"GET": steps.list_steps, "POST": steps.add_step}),
    Spot("/jobs/{job_id}/steps/{step_id}", {"GET": steps.show_step, "PUT": steps.update_step}),
    Spot("/jobs/{job_id}/steps/{step_id}/end", {"POST": steps.end_step}, is_action=True),
    Spot("/jobs/{job_id}/steps/{step_id}/statistics", {"GET": steps.list_statistics}),
    Spot("/users/{user_id}", {"GET": jobs.show_user}),
)


def serve_ovirt(app: FastAPI, desk: Desk) -> None:
    """Adds oVirt's API to the app, under both of its prefixes."""
    app.router.routes.append(Route(SSO, partial(log_in, desk), methods=["POST"]))
    for path in LOGOUTS:
        app.router.routes.append(Route(path, partial(log_out, desk), methods=["POST"]))
    for prefix in (API, f"{API}/v4"):
        for spot in SPOTS:
            endpoint = partial(_serve, desk, spot, prefix)
            app.router.routes.append(Route(f"{prefix}{spot.path}", endpoint, methods=[*spot.acts]))


async def _serve(desk: Desk, spot: Spot, prefix: str, request: Request) -> Response:
    """Reads the request and answers it in a thread; what goes wrong becomes a fault."""
    answers_json = "json" in request.headers.get("accept", "")
    respond = partial(_respond, as_json=answers_json)
    act = spot.acts["GET" if request.method == "HEAD" else request.method]
    try:
        caller = await to_thread.run_sync(
            caller_of, request, desk
        )  # before the body means anything
        caller.need(Permission.REPORT if request.method in WRITING else Permission.READ_OWN)
        body = await _body_of(request)

        async def carry(at: Desk) -> Response:
            return respond(await to_thread.run_sync(act, Ask(at, caller, prefix, request, body)))

        key = key_of(request) if request.method in WRITING else None
        if key is not None:
            return await once(request, body, key, caller, desk, carry)
        return await carry(desk)
    except NotLoggedInError:
        return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer realm="ovirt"'})
    except NotFoundError as error:
        return respond(_fault(spot, 404, str(error)))
    except OrchestratorError as error:
        status = next((code for known, code in STATUS.items() if isinstance(error, known)), 500)
        return respond(
            _fault(spot, 400 if isinstance(error, BadInputError) else status, str(error))
        )
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return respond(_fault(spot, 400, said))
    except HTTPException as error:  # the gate's: the body is too large
        return respond(_fault(spot, error.status_code, str(error.detail)))
    except Exception as error:
        log.exception("ovirt request failed", path=request.url.path)
        return respond(_fault(spot, 500, f"the server made a mistake ({type(error).__name__})"))


async def _body_of(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {BODY_BYTES} bytes")
    return body


def _fault(spot: Spot, status: int, detail: str) -> Answer:
    """Gives the fault, wrapped as an action where an action was asked for."""
    reason = "Incomplete parameters" if detail.endswith(" required for add") else "Operation Failed"
    fault = {"detail": f"[{detail}]", "reason": reason}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if spot.is_action:
        return Answer("action", {"fault": fault, "status": "failed"}, status, headers)
    return Answer("fault", fault, status, headers)


def _respond(answer: Answer, *, as_json: bool) -> Response:
    return Response(
        written(answer.name, answer.thing, as_json=as_json),
        answer.status,
        dict(answer.headers),
        media_type=JSON if as_json else XML,
    )
