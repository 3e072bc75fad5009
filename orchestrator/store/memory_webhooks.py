"""Webhooks in the memory store; the same answers as the tables give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestrator.core.audit import Deed
from orchestrator.core.errors import NotFoundError
from orchestrator.core.status import TaskState
from orchestrator.core.webhook import (
    OLD_SECRET_FOR,
    Delivery,
    DeliveryStatus,
    Endpoint,
    News,
    after_try,
    check_may_have_more,
    news_of,
    topics_of,
)
from orchestrator.store.memory import MemoryStore
from orchestrator.store.webhooks import new_delivery, new_endpoint, new_secret


class MemoryWebhooks:
    """Implements `orchestrator.core.webhook.Webhooks` on the books of a memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._books = store.books

    def register(
        self,
        vendor: str,
        url: str,
        news: Sequence[str],
        topics: Sequence[str],
        *,
        actor: str = "engine",
    ) -> Endpoint:
        made = new_endpoint(vendor, url, news, topics, self._store.now())
        with self._store.begin() as tx:
            check_may_have_more(vendor, len(self.endpoints(vendor)))
            self._books.endpoints[made.endpoint_id] = made
            tx.audit(self._deed(actor, "webhook add", made))
        return made

    def change(
        self,
        endpoint_id: str,
        url: str,
        news: Sequence[str],
        topics: Sequence[str],
        *,
        actor: str = "engine",
    ) -> Endpoint:
        values = {"url": url, "news": tuple(news), "topics": tuple(topics)}
        return self._set(endpoint_id, actor, "webhook change", **values)

    def rotate(self, endpoint_id: str, *, actor: str = "engine") -> Endpoint:
        old, until = self._endpoint(endpoint_id), self._store.now() + OLD_SECRET_FOR
        values = {"old_secret": old.secret, "old_until": until, "secret": new_secret()}
        return self._set(endpoint_id, actor, "webhook rotate", **values)

    def _set(self, endpoint_id: str, actor: str, verb: str, **values: Any) -> Endpoint:
        with self._store.begin() as tx:
            changed = replace(self._endpoint(endpoint_id), **values)
            self._books.endpoints[endpoint_id] = changed
            tx.audit(self._deed(actor, verb, changed))
        return changed

    def remove(self, endpoint_id: str, *, actor: str = "engine") -> None:
        with self._store.begin() as tx:
            tx.audit(self._deed(actor, "webhook remove", self._endpoint(endpoint_id)))
            del self._books.endpoints[endpoint_id]
            for one in list(self._books.deliveries.values()):
                if one.endpoint_id == endpoint_id:
                    del self._books.deliveries[one.delivery_id]

    def endpoints(self, vendor: str | None = None) -> list[Endpoint]:
        known = self._books.endpoints.values()
        found = [one for one in known if vendor in (None, one.vendor)]
        return sorted(found, key=lambda one: (one.created_at, one.endpoint_id))

    def _endpoint(self, endpoint_id: str) -> Endpoint:
        found = self._books.endpoints.get(endpoint_id)
        if found is None:
            raise NotFoundError(f"there is no webhook {endpoint_id}")
        return found

    def _deed(self, actor: str, verb: str, endpoint: Endpoint) -> Deed:
        subject = f"{endpoint.vendor} {endpoint.url}"
        return Deed(actor=actor, verb=verb, at=self._store.now(), subject=subject)

    # --- deliveries ------------------------------------------------------------------------------

    def note_news(self, endpoints: Sequence[Endpoint]) -> int:
        told = {
            (one.endpoint_id, one.task_id, one.attempt, one.news)
            for one in self._books.deliveries.values()
        }
        now = self._store.now()
        fresh = [
            new_delivery(endpoint, News(news), task, now)
            for endpoint in endpoints
            for task in self._books.tasks.values()
            if task.scope == endpoint.vendor
            and (not endpoint.topics or task.verb in topics_of(endpoint))
            for news in endpoint.news
            if news in news_of(task)
            and (endpoint.endpoint_id, task.task_id, task.attempt, news) not in told
        ]
        self._books.deliveries.update({one.delivery_id: one for one in fresh})
        return len(fresh)

    def due(self, vendor: str, limit: int) -> list[Delivery]:
        now = self._store.now()
        found = [one for one in self._with(DeliveryStatus.WAITING, vendor) if one.wake_at <= now]
        return sorted(found, key=lambda one: (one.wake_at, one.delivery_id))[:limit]

    def note_try(self, delivery: Delivery, problem: str | None) -> None:
        if delivery.delivery_id in self._books.deliveries:
            after = after_try(delivery, problem, self._store.now())
            self._books.deliveries[delivery.delivery_id] = after

    def dead(self, vendor: str | None = None, limit: int = 500) -> list[Delivery]:
        found = sorted(self._with(DeliveryStatus.DEAD, vendor), key=lambda one: one.delivery_id)
        return sorted(found, key=lambda one: one.changed_at, reverse=True)[:limit]

    def send_again(
        self, delivery_id: str, vendor: str | None = None, *, actor: str = "engine"
    ) -> None:
        now = self._store.now()
        known = {one.delivery_id: one for one in self._with(DeliveryStatus.DEAD, vendor)}
        if delivery_id not in known:
            raise NotFoundError(f"there is no delivery {delivery_id} that was given up")
        anew = {"status": DeliveryStatus.WAITING, "tries": 0, "wake_at": now, "changed_at": now}
        subject = f"delivery {delivery_id}"
        with self._store.begin() as tx:
            self._books.deliveries[delivery_id] = replace(known[delivery_id], **anew)  # type: ignore[arg-type]
            tx.audit(Deed(actor=actor, verb="webhook resend", at=now, subject=subject))

    def forget(self, before: datetime) -> int:
        tasks = self._books.tasks
        old = [
            one.delivery_id
            for one in self._books.deliveries.values()
            if one.status is not DeliveryStatus.WAITING
            and one.changed_at < before
            and not (one.task_id in tasks and tasks[one.task_id].state is TaskState.POLLING)
        ]
        for one in old:
            del self._books.deliveries[one]
        return len(old)

    def _with(self, status: DeliveryStatus, vendor: str | None) -> list[Delivery]:
        known = self._books.deliveries.values()
        return [one for one in known if one.status is status and vendor in (None, one.vendor)]
