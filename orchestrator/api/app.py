"""Makes the app: every endpoint, its errors, the feed and the page, at one front door."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import structlog
from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware

from orchestrator.api import (
    auditing,
    commands,
    external,
    feed,
    grants,
    health,
    login,
    pauses,
    registers,
    webhooks,
)
from orchestrator.api import (
    tokens as token_routes,
)
from orchestrator.api.attempts import Attempts
from orchestrator.api.described import DescribedApp
from orchestrator.api.desk import ApiSettings, Desk, Probe
from orchestrator.api.fields import refuse_unknown_words
from orchestrator.api.gate import Gate
from orchestrator.api.metrics import Metrics
from orchestrator.api.ovirt import serve_ovirt
from orchestrator.api.pages import serve_page
from orchestrator.api.problems import answer_problems
from orchestrator.api.standing import Standing
from orchestrator.app import BEAT, Door, Orchestrator
from orchestrator.core.access import Tokens
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.once import Requests
from orchestrator.core.webhook import Webhooks
from orchestrator.monitor.feed import Feed
from orchestrator.monitor.monitor import Monitor

log = structlog.get_logger(__name__)


def make_app(
    orchestrator: Orchestrator,
    *,
    tokens: Tokens,
    webhooks_book: Webhooks,
    requests: Requests,
    session_secret: str | None = None,
    flower_url: str | None = None,
    settings: ApiSettings | None = None,
    probes: Mapping[str, Probe] | None = None,
    queues: Callable[[], Mapping[str, int]] | None = None,
    says_open: bool = False,
) -> FastAPI:
    """Gives the ASGI app of one orchestrator.

    `session_secret` seals the answers that are kept for idempotency keys: all API processes must have the
    same. `probes` are what `/readyz` checks beside the database, by name;
    `queues` gives the length of each queue of the broker. Both raise UnavailableError, or OSError,
    while the broker does not answer. With `says_open` the process notes that vendors can reach it.
    """
    chosen = settings or ApiSettings()
    store = orchestrator.store
    app = DescribedApp(
        title="Orchestrator",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its viewer would load scripts from elsewhere
        redoc_url=None,
        lifespan=partial(_open, orchestrator) if says_open else None,
    )
    metrics = Metrics()
    desk = Desk(
        orchestrator=orchestrator,
        monitor=Monitor(store, orchestrator.catalog),
        feed=Feed(store, interval_s=chosen.feed_interval_s),
        tokens=tokens,
        webhooks=webhooks_book,
        requests=requests,
        settings=chosen,
        session_secret=session_secret or secrets.token_urlsafe(),
        attempts=Attempts(chosen.sign_ins, chosen.sign_in_window_s),
        standing=Standing(tokens),
        flower_url=flower_url,
        probes=probes or {},
        queues=queues or dict,
    )
    app.state.desk, app.state.metrics = desk, metrics
    metrics.watch(desk)
    app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4)
    app.add_middleware(Gate, settings=chosen, metrics=metrics)
    answer_problems(app)
    # Routes are tried one after the other: what is asked most stands first, and no router in a router.
    for part in (
        external,
        commands,
        grants,
        webhooks,
        feed,
        pauses,
        registers,
        auditing,
        login,
        token_routes,
    ):
        app.include_router(
            part.router, prefix="/api/v1", dependencies=[Depends(refuse_unknown_words)]
        )
    app.include_router(login.short_router)
    app.include_router(health.router)
    serve_ovirt(app, desk)
    serve_page(app)
    metrics.name(app.routes)
    return app


@asynccontextmanager
async def _open(orchestrator: Orchestrator, _: FastAPI) -> AsyncIterator[None]:
    """Says in the event loop that answers requests that it runs, for as long as it does."""
    beating = asyncio.create_task(_beat(orchestrator.door(uuid4().hex)))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(door: Door) -> None:
    while True:
        try:
            await to_thread.run_sync(door.beat)
        except (UnavailableError, ContendedError) as problem:
            log.warning("door_waits", why=str(problem))
        except Exception:  # a door that is never noted again would stop the lease of every vendor
            log.exception("door_broke")
        await asyncio.sleep(BEAT.total_seconds())
