"""Webhooks in the tables: endpoints, and deliveries that are found from how the vendors' tasks stand."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.audit import Deed
from orchestrator.core.errors import NotFoundError
from orchestrator.core.external import UNDO, VENDOR_SYSTEM
from orchestrator.core.status import TaskState
from orchestrator.core.webhook import (
    OLD_SECRET_FOR,
    Delivery,
    DeliveryStatus,
    Endpoint,
    News,
    after_try,
    body_of,
    check_may_have_more,
    topics_of,
)
from orchestrator.store.auditing import write_deed
from orchestrator.store.sql import SqlStore
from orchestrator.store.tables import async_task, webhook_delivery, webhook_endpoint

SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"  # as Standard Webhooks has it
TOGETHER = 500  # deliveries noted in one transaction
_e, _d, _t = webhook_endpoint.c, webhook_delivery.c, async_task.c
_undoes = _t.verb.like(f"%{UNDO}")
STANDS = {
    News.OFFERED: sa.and_(
        _t.status == TaskStatus.RUNNING.value, _t.stop_requested.is_(False), sa.not_(_undoes)
    ),
    News.STOP: _t.stop_requested.is_(True),
    News.UNDO: sa.and_(_t.status == TaskStatus.RUNNING.value, _undoes),
}
"""How a task stands of which there is that news: `news_of`, in SQL."""


class SqlWebhooks:
    """Implements `orchestrator.core.webhook.Webhooks`, and what the scheduler needs to deliver."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    # --- endpoints -------------------------------------------------------------------------------

    def register(
        self,
        vendor: str,
        url: str,
        news: Sequence[str],
        topics: Sequence[str],
        *,
        actor: str = "engine",
    ) -> Endpoint:
        """Makes an endpoint with a new secret. Raises ConflictError when the vendor has too many."""
        made = new_endpoint(vendor, url, news, topics, self._store.now())
        values = {
            "endpoint_id": made.endpoint_id,
            "vendor": vendor,
            "url": url,
            "news": list(news),
            "topics": list(topics),
            "secret": made.secret,
            "created_at": made.created_at,
        }
        with self._store.writing() as connection:
            # One after the other: those who count at the same time would each find room for one more.
            if connection.dialect.name == "postgresql":
                key = sa.func.hashtext(f"webhooks of {vendor}")
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            known = sa.select(sa.func.count()).where(_e.vendor == vendor)
            check_may_have_more(vendor, connection.execute(known).scalar_one())
            connection.execute(sa.insert(webhook_endpoint).values(**values))
            self._note_deed(connection, actor, "webhook add", f"{vendor} {url}")
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
        """Changes an endpoint; its secret stays. Raises NotFoundError."""
        values = {"url": url, "news": list(news), "topics": list(topics)}
        return self._set(endpoint_id, actor, "webhook change", **values)

    def rotate(self, endpoint_id: str, *, actor: str = "engine") -> Endpoint:
        """Gives an endpoint a new secret; for a day both sign. Raises NotFoundError."""
        until = self._store.now() + OLD_SECRET_FOR
        values = {"old_secret": _e.secret, "old_until": until, "secret": new_secret()}
        return self._set(endpoint_id, actor, "webhook rotate", **values)

    def _set(self, endpoint_id: str, actor: str, verb: str, **values: Any) -> Endpoint:
        one = _e.endpoint_id == endpoint_id
        with self._store.writing() as connection:
            connection.execute(sa.update(webhook_endpoint).where(one).values(**values))
            row = connection.execute(sa.select(webhook_endpoint).where(one)).first()
            if row is None:
                raise NotFoundError(f"there is no webhook {endpoint_id}")
            self._note_deed(connection, actor, verb, f"{row.vendor} {row.url}")
        return _endpoint(row)

    def _note_deed(self, connection: sa.Connection, actor: str, verb: str, subject: str) -> None:
        write_deed(connection, Deed(actor=actor, verb=verb, at=self._store.now(), subject=subject))

    def remove(self, endpoint_id: str, *, actor: str = "engine") -> None:
        """Forgets an endpoint and its deliveries. Raises NotFoundError."""
        one = _e.endpoint_id == endpoint_id
        with self._store.writing() as connection:
            row = connection.execute(sa.select(_e.vendor, _e.url).where(one)).first()
            if row is None:
                raise NotFoundError(f"there is no webhook {endpoint_id}")
            connection.execute(sa.delete(webhook_delivery).where(_d.endpoint_id == endpoint_id))
            connection.execute(sa.delete(webhook_endpoint).where(one))
            self._note_deed(connection, actor, "webhook remove", f"{row.vendor} {row.url}")

    def endpoints(self, vendor: str | None = None) -> list[Endpoint]:
        """Gives the endpoints: all, or of one vendor."""
        statement = sa.select(webhook_endpoint).order_by(_e.created_at, _e.endpoint_id)
        if vendor is not None:
            statement = statement.where(_e.vendor == vendor)
        with self._store.reading() as connection:
            return [_endpoint(row) for row in connection.execute(statement)]

    # --- deliveries ------------------------------------------------------------------------------

    def note_news(self, endpoints: Sequence[Endpoint]) -> int:
        """Notes a delivery for all that these endpoints were not told yet; says how many there were."""
        return sum(
            self._note(endpoint, News(one)) for endpoint in endpoints for one in endpoint.news
        )

    def _note(self, endpoint: Endpoint, news: News) -> int:
        told = sa.exists().where(
            _d.endpoint_id == endpoint.endpoint_id,
            _d.task_id == _t.task_id,
            _d.attempt == _t.attempt,
            _d.news == news.value,
        )
        fresh = sa.select(async_task).where(
            _t.system == VENDOR_SYSTEM,
            _t.scope == endpoint.vendor,
            _t.state == TaskState.POLLING.value,
            STANDS[news],
            sa.not_(told),
        )
        if endpoint.topics:
            fresh = fresh.where(_t.verb.in_(topics_of(endpoint)))
        fresh = fresh.order_by(_t.created_at, _t.task_id).limit(TOGETHER)
        with self._store.reading() as connection:
            found = connection.execute(fresh).all()
        if found:
            now = self._store.now()
            rows = [asdict(new_delivery(endpoint, news, task, now)) for task in found]
            with self._store.writing() as connection:
                connection.execute(sa.insert(webhook_delivery), rows)
        return len(found)

    def due(self, vendor: str, limit: int) -> list[Delivery]:
        """Gives what is to be sent to a vendor now, the oldest first."""
        waits = (_d.vendor == vendor, _d.status == DeliveryStatus.WAITING.value)
        return self._deliveries(
            sa.select(webhook_delivery)
            .where(*waits, _d.wake_at <= self._store.now())
            .order_by(_d.wake_at, _d.delivery_id)
            .limit(limit)
        )

    def note_try(self, delivery: Delivery, problem: str | None) -> None:
        """Notes how a try went: delivered, or what was wrong and when to try again, if at all."""
        after = after_try(delivery, problem, self._store.now())
        with self._store.writing() as connection:
            connection.execute(
                sa.update(webhook_delivery)
                .where(_d.delivery_id == delivery.delivery_id)
                .values(
                    status=after.status.value,
                    tries=after.tries,
                    problem=after.problem,
                    wake_at=after.wake_at,
                    changed_at=after.changed_at,
                )
            )

    def dead(self, vendor: str | None = None, limit: int = 500) -> list[Delivery]:
        """Gives the deliveries that were given up, the newest first: all, or of one vendor."""
        statement = sa.select(webhook_delivery).where(_d.status == DeliveryStatus.DEAD.value)
        if vendor is not None:
            statement = statement.where(_d.vendor == vendor)
        newest = statement.order_by(_d.changed_at.desc(), _d.delivery_id)
        return self._deliveries(newest.limit(limit))

    def send_again(
        self, delivery_id: str, vendor: str | None = None, *, actor: str = "engine"
    ) -> None:
        """Begins a delivery anew that was given up. Raises NotFoundError."""
        now = self._store.now()
        one = (_d.delivery_id == delivery_id, _d.status == DeliveryStatus.DEAD.value)
        whose = () if vendor is None else (_d.vendor == vendor,)
        anew = {"status": DeliveryStatus.WAITING.value, "tries": 0, "wake_at": now}
        with self._store.writing() as connection:
            changed = connection.execute(
                sa.update(webhook_delivery).where(*one, *whose).values(**anew, changed_at=now)
            ).rowcount
            if not changed:
                raise NotFoundError(f"there is no delivery {delivery_id} that was given up")
            self._note_deed(connection, actor, "webhook resend", f"delivery {delivery_id}")

    def forget(self, before: datetime) -> int:
        """Deletes what was delivered or given up before then, of tasks that are over; says how many."""
        is_open = sa.exists().where(_t.task_id == _d.task_id, _t.state == TaskState.POLLING.value)
        old = sa.delete(webhook_delivery).where(
            _d.status != DeliveryStatus.WAITING.value, _d.changed_at < before, sa.not_(is_open)
        )
        with self._store.writing() as connection:
            return connection.execute(old).rowcount

    def _deliveries(self, statement: sa.Select[Any]) -> list[Delivery]:
        with self._store.reading() as connection:
            return [_delivery(row) for row in connection.execute(statement)]


def new_endpoint(
    vendor: str, url: str, news: Sequence[str], topics: Sequence[str], now: datetime
) -> Endpoint:
    """Makes an endpoint with a new id and secret."""
    return Endpoint(
        endpoint_id=str(uuid4()),
        vendor=vendor,
        url=url,
        news=tuple(news),
        topics=tuple(topics),
        secret=new_secret(),
        created_at=now,
    )


def new_secret() -> str:
    """Makes a secret to sign with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def new_delivery(endpoint: Endpoint, news: News, task: Any, now: datetime) -> Delivery:
    """Makes the delivery of news about a task: an entity, or its row."""
    return Delivery(
        delivery_id=f"msg_{uuid4().hex}",
        endpoint_id=endpoint.endpoint_id,
        vendor=endpoint.vendor,
        task_id=task.task_id,
        attempt=task.attempt,
        news=news.value,
        body=body_of(news.value, task.command_id, task.verb, task.attempt, now),
        status=DeliveryStatus.WAITING,
        tries=0,
        problem=None,
        wake_at=now,
        changed_at=now,
    )


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        endpoint_id=row.endpoint_id,
        vendor=row.vendor,
        url=row.url,
        news=tuple(row.news),
        topics=tuple(row.topics),
        secret=row.secret,
        old_secret=row.old_secret,
        old_until=row.old_until,
        created_at=row.created_at,
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        vendor=row.vendor,
        task_id=row.task_id,
        attempt=row.attempt,
        news=row.news,
        body=row.body,
        status=DeliveryStatus(row.status),
        tries=row.tries,
        problem=row.problem,
        wake_at=row.wake_at,
        changed_at=row.changed_at,
    )
