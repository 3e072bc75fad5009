"""Is it alive, is it ready, what does it count: for load balancers and monitoring, without login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from orchestrator.api.desk import AtDesk
from orchestrator.api.metrics import Metrics
from orchestrator.core.errors import OrchestratorError, UnavailableError

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Says that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(desk: AtDesk) -> dict[str, str]:
    """Says that all that the API needs can be used; else 503 and what cannot."""
    checks: dict[str, Callable[[], Any]] = {
        "database": desk.orchestrator.store.last_event,
        **desk.probes,
    }
    wrong = {name: why for name, check in checks.items() if (why := _fault(check))}
    if wrong:
        raise UnavailableError("; ".join(f"{name}: {why}" for name, why in wrong.items()))
    return {"status": "ready", **dict.fromkeys(checks, "ok")}


@router.get("/metrics", response_class=PlainTextResponse)
def show_metrics(request: Request) -> Response:
    """Gives the metrics in Prometheus' text form."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _fault(check: Callable[[], Any]) -> str | None:
    try:
        check()
    except (OrchestratorError, OSError) as problem:
        return str(problem)
    return None
