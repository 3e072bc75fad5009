"""Webhooks end to end: a vendor registers, is told, checks the signature, and takes it at last."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orchestrator.core.access import Role
from orchestrator.store.sql import SqlStore
from orchestrator.store.tables import webhook_delivery
from orchestrator.testing import Stage
from tests.api.served import Served, served
from workers.webhooks import WebhookSender

WEBHOOKS = "/api/v1/webhooks"
Received = Queue[tuple[bytes, dict[str, str]]]


class Receiver(ThreadingHTTPServer):
    """Answers with each of these statuses in turn, then 204."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Receives)
        self.received: Received = Queue()
        self.answers: list[int] = []
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server_address[1]}/hook"
        if certificate is not None:
            secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            secure.load_cert_chain(*certificate)
            # The handshake is each connection's own: one that does not trust us harms no other.
            self.socket = secure.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, *_: Any) -> None:
        """Says nothing of clients that do not trust the certificate."""


class Receives(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(answer)
        self.send_header("location", self.server.url)
        self.end_headers()
        self.server.received.put((body, dict(self.headers.items())))

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def running(server: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver()) as server:
        yield server


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, webhooks_to_private=True) as house:
        yield house


def store_of(stage: Stage) -> SqlStore:
    assert isinstance(stage.store, SqlStore)
    return stage.store


def sent(house: Served, receiver: Receiver) -> tuple[bytes, dict[str, str]]:
    """Has what waits sent now, and gives what came."""
    store = store_of(house.stage)
    with store.writing() as connection:
        connection.execute(
            sa.update(webhook_delivery).values(wake_at=datetime(2026, 1, 1, tzinfo=UTC))
        )
    sender = WebhookSender(store, allow_private=True)
    sender.tick()
    found = receiver.received.get(timeout=20)
    sender.close()
    return found


def test_what_fails_twice_is_sent_a_third_time_signed_and_under_the_same_id(
    open_house: Served, receiver: Receiver
) -> None:
    vendor = open_house.client("acme", Role.VENDOR)
    made = vendor.post(WEBHOOKS, json={"url": receiver.url}).json()
    task = vendor.post("/api/v1/external-tasks", json={"description": "clone"}).json()
    open_house.stage.play()
    receiver.answers = [500, 307]

    got = [sent(open_house, receiver) for _ in range(3)]
    after = WebhookSender(store_of(open_house.stage), allow_private=True)
    after.tick()
    after.close()

    told = [Webhook(made["secret"]).verify(body, headers) for body, headers in got]
    assert {headers["webhook-id"] for _, headers in got} == {got[0][1]["webhook-id"]}
    assert (told[2]["type"], told[2]["data"]["id"]) == ("task.offered", task["id"])
    assert receiver.received.empty()
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(got[0][0] + b" ", got[0][1])
    assert "secret" not in vendor.get(WEBHOOKS).json()["items"][0]


def test_the_address_is_checked_again_when_it_is_sent(
    open_house: Served, receiver: Receiver
) -> None:
    vendor = open_house.client("acme", Role.VENDOR)
    vendor.post(WEBHOOKS, json={"url": receiver.url})
    vendor.post("/api/v1/external-tasks", json={"description": "clone"})
    open_house.stage.play()
    store = store_of(open_house.stage)
    book = open_house.app.state.desk.webhooks
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)
    (endpoint,) = book.endpoints()
    moved = receiver.url.replace("http://127.0.0.1", "https://localhost")
    endpoint = book.change(endpoint.endpoint_id, moved, endpoint.news, [])

    problem = WebhookSender(store, allow_private=False)._send(endpoint, delivery)

    assert problem is not None
    assert "is not public" in problem
    assert receiver.received.empty()


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "http://93.184.216.34/",
     "https://2130706433/", "https://me:pw@93.184.216.34/", "file:///etc/passwd", "https://x:99999/",
     "https://169.254.169.254/latest", "nonsense", "https://[::127.0.0.1]/", "https://93.184.216.34:0/",
     "https://192.0.0.192/", "https://[::ffff:7f00:1]/", "https://0/", "https://127.1/"],
)  # fmt: skip
def test_an_url_that_leads_into_our_network_is_refused(house: Served, url: str) -> None:
    admin = house.client(f"admin-{abs(hash(url))}", Role.ADMIN)

    assert admin.post(WEBHOOKS, json={"url": url, "vendor": "acme"}).status_code == 422


def test_a_vendor_changes_only_its_own(open_house: Served, receiver: Receiver) -> None:
    acme, globex = (open_house.client(name, Role.VENDOR) for name in ("acme", "globex"))
    admin = open_house.client("root", Role.ADMIN)
    body = {"url": receiver.url, "vendor": "acme"}
    made = admin.post(WEBHOOKS, json=body).json()
    path = f"{WEBHOOKS}/{made['id']}"

    others = [
        globex.put(path, json={"url": receiver.url}),
        globex.post(f"{path}/rotate"),
        globex.delete(path),
    ]
    pretended = globex.post(WEBHOOKS, json=body)
    turned = acme.post(f"{path}/rotate").json()
    changed = acme.put(path, json={"url": receiver.url, "topics": ["clone"]}).json()

    assert [one.status_code for one in others] == [404, 404, 404]
    assert pretended.status_code == 422
    assert turned["secret"] != made["secret"]
    assert changed["topics"] == ["clone"]
    assert globex.get(WEBHOOKS).json()["items"] == []
    assert acme.delete(path).status_code == 204


def test_over_tls_it_is_delivered_to_whom_the_certificate_names_alone(
    open_house: Served, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = open_house.client("acme", Role.VENDOR)
    store, book = store_of(open_house.stage), open_house.app.state.desk.webhooks

    def delivered(url: str, body: dict[str, Any]) -> str | None:
        made = vendor.post(WEBHOOKS, json={"url": url, **body}).json()["id"]
        (endpoint,) = [one for one in book.endpoints() if one.endpoint_id == made]
        book.note_news([endpoint])
        (delivery,) = [one for one in book.due("acme", 10) if one.endpoint_id == made]
        return WebhookSender(store, allow_private=True)._send(endpoint, delivery)

    vendor.post("/api/v1/external-tasks", json={"description": "clone"})
    open_house.stage.play()
    with running(Receiver(certificate)) as receiver:
        stranger = delivered(receiver.url, {})
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        known = delivered(receiver.url, {})
        elsewhere = delivered(receiver.url.replace("127.0.0.1", "localhost"), {})

        body, headers = receiver.received.get(timeout=20)

    assert known is None
    assert "certificate verify failed" in str(stranger)
    assert "doesn't match" in str(elsewhere) or "not valid for" in str(elsewhere)
    assert (receiver.received.empty(), headers["host"]) == (True, receiver.url.split("/")[2])
    assert b"task.offered" in body
