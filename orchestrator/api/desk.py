"""What every endpoint has at hand, and what of it can be set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.api.attempts import Attempts
from orchestrator.api.standing import Standing
from orchestrator.app import Orchestrator
from orchestrator.core.access import Caller, Permission, Tokens
from orchestrator.core.once import Requests, Single
from orchestrator.core.webhook import Webhooks
from orchestrator.monitor.feed import Feed
from orchestrator.monitor.monitor import Monitor
from orchestrator.monitor.own import VendorMonitor

Probe = Callable[[], None]
"""Raises an error that says what is wrong when something that the API needs cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What an installation may choose.

    `patience_s` is how long a vendor's report waits for its task to be begun. `body_s` is how long a
    request's body may keep one waiting. After `sign_ins` that failed within `sign_in_window_s`, from
    one address or with one name, further ones are refused until that time is over.
    """

    session_hours: float = 12.0
    sign_ins: int = 10
    sign_in_window_s: float = 60.0
    body_bytes: int = 2 * 1024 * 1024
    body_s: float = 30.0
    keep_alive_s: float = 5.0
    feed_interval_s: float = 0.25
    patience_s: float = 5.0
    webhooks_to_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The front door, the monitor, and the rest that endpoints ask.

    In a request with an idempotency key all of it is within one transaction, `single`.
    """

    orchestrator: Orchestrator
    monitor: Monitor
    feed: Feed
    tokens: Tokens
    webhooks: Webhooks
    requests: Requests
    settings: ApiSettings
    session_secret: str = field(repr=False)
    attempts: Attempts
    standing: Standing
    flower_url: str | None
    probes: Mapping[str, Probe]
    queues: Callable[[], Mapping[str, int]]
    single: Single | None = None

    def within(self, single: Single) -> tuple[Desk, Callable[[], None]]:
        """Gives the desk of a request that is one transaction, and what to call when that is committed."""
        orchestrator, send = self.orchestrator.within(single.store)
        inner = replace(
            self,
            orchestrator=orchestrator,
            monitor=Monitor(single.store, orchestrator.catalog),
            tokens=single.tokens,
            webhooks=single.webhooks,
            single=single,
        )
        return inner, send

    def let_go(self) -> None:
        """Gives back what the request holds, before it looks whether others have got on and begins anew."""
        if self.single is not None:
            self.single.let_go()

    def pause(self, seconds: float) -> None:
        """Waits for others, and keeps nothing from them meanwhile."""
        self.let_go()
        time.sleep(seconds)

    def sees(self, caller: Caller) -> Monitor:
        """Gives the monitor with this caller's eyes: a vendor's see what is its own."""
        if Permission.READ in caller.permissions:
            cannot = caller.why_not(Permission.OPERATE)
            if cannot is None:
                return self.monitor
            return Monitor(self.orchestrator.store, self.orchestrator.catalog, cannot=cannot)
        vendor, _ = caller.owner
        return VendorMonitor(self.orchestrator.store, self.orchestrator.catalog, vendor)


def desk_at(request: Request) -> Desk:
    """Gives the desk of the app that the request came to, or of the one transaction that the request is."""
    desk: Desk = getattr(request.state, "desk", None) or request.app.state.desk
    return desk


async def desk_of(request: Request) -> Desk:
    """Is `desk_at` as a dependency: not a thread for what only looks something up."""
    return desk_at(request)


AtDesk = Annotated[Desk, Depends(desk_of)]
