"""Webhooks: what a vendor is told, where, and how often it is tried before the delivery is given up."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import TaskEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.external import UNDO, VENDOR_SYSTEM
from orchestrator.core.status import TaskState

DELAYS = tuple(timedelta(seconds=one) for one in (5, 30, 120, 600, 3_600, 14_400, 64_800))
"""How long to wait after each failed try: eight tries in a day."""
MOST_ENDPOINTS = 8
"""Endpoints of one vendor."""
OLD_SECRET_FOR = timedelta(days=1)
"""So long deliveries are signed with the old secret too."""
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that the internet routes. The rest is local, or an IPv4 address in disguise (`::127.0.0.1`, NAT64)."""
OF_PROTOCOLS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("192.88.99.0/24"))
"""Of IPv4, what some versions of Python call global: the metadata service of a cloud answers at one of them."""


class News(StrEnum):
    """What a vendor is told."""

    OFFERED = "task.offered"
    STOP = "task.stop_requested"
    UNDO = "task.undo_asked"


class DeliveryStatus(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a vendor is told, and of what; no topics means all."""

    endpoint_id: str
    vendor: str
    url: str
    news: tuple[str, ...]
    topics: tuple[str, ...]
    secret: str = field(repr=False)
    old_secret: str | None = field(default=None, repr=False)
    old_until: datetime | None = None
    created_at: datetime

    def secrets_at(self, now: datetime) -> list[str]:
        """Gives the secrets to sign with."""
        is_old_used = self.old_secret and self.old_until is not None and now < self.old_until
        return [self.secret, self.old_secret] if is_old_used and self.old_secret else [self.secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one endpoint; its id stays the same however often it is sent."""

    delivery_id: str
    endpoint_id: str
    vendor: str
    task_id: str
    attempt: int
    news: str
    body: str
    status: DeliveryStatus
    tries: int
    problem: str | None
    wake_at: datetime
    changed_at: datetime


class Webhooks(Protocol):
    """Where endpoints and deliveries are kept. All methods raise UnavailableError while it does not answer."""

    def register(
        self, vendor: str, url: str, news: Sequence[str], topics: Sequence[str], *, actor: str
    ) -> Endpoint:
        """Makes an endpoint with a new secret. Raises ConflictError when the vendor has too many."""

    def change(
        self, endpoint_id: str, url: str, news: Sequence[str], topics: Sequence[str], *, actor: str
    ) -> Endpoint:
        """Changes an endpoint; its secret stays. Raises NotFoundError."""

    def rotate(self, endpoint_id: str, *, actor: str) -> Endpoint:
        """Gives an endpoint a new secret. Raises NotFoundError."""

    def remove(self, endpoint_id: str, *, actor: str) -> None:
        """Forgets an endpoint and its deliveries. Raises NotFoundError."""

    def endpoints(self, vendor: str | None = None) -> list[Endpoint]:
        """Gives the endpoints: all, or of one vendor."""

    def dead(self, vendor: str | None = None, limit: int = 500) -> list[Delivery]:
        """Gives the deliveries that were given up, the newest first: all, or of one vendor."""

    def send_again(self, delivery_id: str, vendor: str | None = None, *, actor: str) -> None:
        """Begins a delivery anew that was given up. Raises NotFoundError."""

    # what the scheduler needs to deliver
    def note_news(self, endpoints: Sequence[Endpoint]) -> int:
        """Notes a delivery for all that these endpoints were not told yet; says how many there were."""

    def due(self, vendor: str, limit: int) -> list[Delivery]:
        """Gives what is to be sent to a vendor now, the oldest first."""

    def note_try(self, delivery: Delivery, problem: str | None) -> None:
        """Notes how a try went: delivered, or what was wrong and when to try again, if at all."""

    def forget(self, before: datetime) -> int:
        """Deletes what was delivered or given up before then, of tasks that are over; says how many."""


def news_of(task: TaskEntity) -> frozenset[News]:
    """Gives what there is to tell of a vendor's task as it stands. So nothing is lost, whenever it is looked at."""
    if task.system != VENDOR_SYSTEM or task.state is not TaskState.POLLING:
        return frozenset()
    found = {News.STOP} if task.stop_requested else set()
    if task.status is TaskStatus.RUNNING:
        is_undo = task.verb.endswith(UNDO)
        if is_undo:
            found.add(News.UNDO)
        elif not task.stop_requested:
            found.add(News.OFFERED)
    return frozenset(found)


def topics_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Gives the topics that an endpoint is told of, their undoing included; none means all."""
    return (*endpoint.topics, *(topic + UNDO for topic in endpoint.topics))


def body_of(news: str, command_id: str, topic: str, attempt: int, now: datetime) -> str:
    """Gives what is sent: of which task there is news; what it is about is asked of us."""
    about = {"id": command_id, "topic": topic, "attempt": attempt}
    return json.dumps({"type": news, "timestamp": now.isoformat(), "data": about})


def after_try(delivery: Delivery, problem: str | None, now: datetime) -> Delivery:
    """Gives the delivery as it stands after a try, which succeeded unless there was a problem."""
    tries = delivery.tries + 1
    again = next_try(tries, now) if problem else None
    failed = DeliveryStatus.WAITING if again else DeliveryStatus.DEAD
    return replace(
        delivery,
        status=failed if problem else DeliveryStatus.DELIVERED,
        tries=tries,
        problem=problem,
        wake_at=again or now,
        changed_at=now,
    )


def check_may_have_more(vendor: str, count: int) -> None:
    """Raises ConflictError when a vendor with so many endpoints may not have another."""
    if count >= MOST_ENDPOINTS:
        raise ConflictError(
            f"the vendor {vendor!r} has {MOST_ENDPOINTS} webhooks, the most that it may;"
            " remove one first"
        )


def next_try(tries: int, now: datetime) -> datetime | None:
    """Says when to try again after so many tries failed; None to give up."""
    return now + DELAYS[tries - 1] if tries <= len(DELAYS) else None


def is_public(address: str) -> bool:
    """Tells whether an address is one of the public network, whatever way it is written."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if found.teredo or found not in GLOBAL_UNICAST:
            return False
    elif any(found in one for one in OF_PROTOCOLS):
        return False
    return found.is_global and not found.is_multicast
