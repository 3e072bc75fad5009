"""Delivers webhooks: signed, each vendor by itself, to addresses that were checked, in bounded time."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from standardwebhooks.webhooks import Webhook

from orchestrator.core.errors import BadInputError, ContendedError, UnavailableError
from orchestrator.core.webhook import Delivery, Endpoint
from orchestrator.engine.addresses import addresses_of
from orchestrator.store.sql import SqlStore
from orchestrator.store.webhooks import SqlWebhooks

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
THREADS = 8
TOGETHER = 20  # to one vendor, before others have the thread
KEPT_FOR = timedelta(days=30)
FORGETS_EVERY = timedelta(hours=1)


class WebhookSender:
    """Sends what is due; a vendor that answers slowly holds up itself alone."""

    def __init__(self, store: SqlStore, *, allow_private: bool) -> None:
        self._store = store
        self._webhooks = SqlWebhooks(store)
        self._allow_private = allow_private
        self._pool = ThreadPoolExecutor(THREADS, "webhook")
        self._busy: set[str] = set()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._forgets_at: datetime | None = None

    def tick(self) -> None:
        """Notes the news and has it sent, without waiting for that."""
        endpoints = self._webhooks.endpoints()
        if not endpoints:
            return
        self._webhooks.note_news(endpoints)
        for vendor in {one.vendor for one in endpoints}:
            with self._guard:
                is_free = vendor not in self._busy
                self._busy.add(vendor)
            if is_free:
                self._pool.submit(self._serve, vendor)
        now = self._store.now()
        if self._forgets_at is None or now >= self._forgets_at:
            self._webhooks.forget(now - KEPT_FOR)
            self._forgets_at = now + FORGETS_EVERY

    def close(self) -> None:
        """Waits for what is being sent; the rest stays in the store."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def _serve(self, vendor: str) -> None:
        try:
            known = {one.endpoint_id: one for one in self._webhooks.endpoints(vendor)}
            for delivery in self._webhooks.due(vendor, TOGETHER):
                if self._closing.is_set():
                    return
                if endpoint := known.get(delivery.endpoint_id):
                    self._webhooks.note_try(delivery, self._send(endpoint, delivery))
        except (UnavailableError, ContendedError) as problem:
            log.warning("webhooks_wait", why=str(problem))
        except Exception:
            log.exception("webhooks_broke", vendor=vendor)
        finally:
            with self._guard:
                self._busy.discard(vendor)

    def _send(self, endpoint: Endpoint, delivery: Delivery) -> str | None:
        now = self._store.now()
        headers = signed_headers(endpoint, delivery, now)
        try:
            addresses = addresses_of(endpoint.url, allow_private=self._allow_private)
            status = post(endpoint.url, addresses[0], delivery.body.encode(), headers)
        except BadInputError as problem:
            return str(problem)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return f"{type(problem).__name__}: {problem}"[:500]
        return None if 200 <= status < 300 else f"answered {status}"


def signed_headers(endpoint: Endpoint, delivery: Delivery, now: datetime) -> dict[str, str]:
    """Gives the headers of Standard Webhooks, with a signature for each secret in force."""
    signatures = [
        Webhook(secret).sign(delivery.delivery_id, now, delivery.body)
        for secret in endpoint.secrets_at(now)
    ]
    return {
        "content-type": "application/json",
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(url: str, address: tuple[str, int], body: bytes, headers: dict[str, str]) -> int:
    """Posts to exactly that address and gives the status. Redirects are not followed, no body is read."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, address[1], timeout=TIMEOUT_S)
    plain = socket.create_connection(address, timeout=TIMEOUT_S)
    # A time-out of the socket starts anew with each byte; this one ends the whole exchange.
    same = plain.dup()
    limit = threading.Timer(TIMEOUT_S, _cut, [same])
    limit.daemon = True
    limit.start()
    try:
        connection.sock = plain
        if parts.scheme == "https":
            secure = ssl.create_default_context()
            connection.sock = secure.wrap_socket(plain, server_hostname=host)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        where = {"host": parts.netloc, **headers}
        connection.request("POST", path, body=body, headers=where)
        return connection.getresponse().status
    finally:
        limit.cancel()
        same.close()
        connection.close()
        plain.close()


def _cut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is over already
