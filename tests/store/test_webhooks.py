"""The contract of the stores: where vendors are told, what, how often, and what was given up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.audit import AuditQuery
from orchestrator.core.errors import ConflictError, NotFoundError
from orchestrator.core.ports import Store
from orchestrator.core.status import TaskState
from orchestrator.core.webhook import (
    DELAYS,
    MOST_ENDPOINTS,
    DeliveryStatus,
    News,
    Webhooks,
    is_public,
    news_of,
)
from orchestrator.store.memory import MemoryStore
from orchestrator.store.memory_webhooks import MemoryWebhooks
from orchestrator.store.sql import SqlStore
from orchestrator.store.webhooks import SqlWebhooks
from tests.store.rows import put, put_tasks, root, task

URL = "https://acme.example/hook"


def webhooks_in(store: Store) -> Webhooks:
    if isinstance(store, MemoryStore):
        return MemoryWebhooks(store)
    assert isinstance(store, SqlStore)
    return SqlWebhooks(store)


def offered(store: Store, number: int, **fields: Any) -> None:
    about = {"system": "vendor", "scope": "acme", "verb": "clone", "state": TaskState.POLLING}
    given = {**about, "status": TaskStatus.RUNNING, **fields}
    put_tasks(store, task(put(store, root(number)), number, **given))


def test_each_news_is_noted_once_for_those_who_asked_for_it(store: Store) -> None:
    book = webhooks_in(store)
    book.register("acme", URL, list(News), ["clone"], actor="a")
    book.register("globex", URL, list(News), [], actor="a")
    offered(store, 1)
    offered(store, 2, verb="clone.undo")
    offered(store, 3, stop_requested=True)
    offered(store, 4, verb="resize")

    noted = [book.note_news(book.endpoints()) for _ in range(2)]

    assert noted == [3, 0]
    assert {one.news for one in book.due("acme", 10)} == set(News)
    assert book.due("globex", 10) == []


def test_a_delivery_dies_after_its_tries_and_is_sent_again_by_hand(store: Store) -> None:
    book = webhooks_in(store)
    book.register("acme", URL, list(News), [], actor="a")
    offered(store, 1)
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)

    book.note_try(delivery, "answered 500")
    waits = (book.due("acme", 10), book.dead())
    book.note_try(replace(delivery, tries=len(DELAYS)), "answered 500")
    (dead,) = book.dead("acme")
    with pytest.raises(NotFoundError):
        book.send_again(dead.delivery_id, "globex", actor="a")
    book.send_again(dead.delivery_id, "acme", actor="a")

    assert waits == ([], [])
    assert (dead.tries, dead.problem, dead.status) == (8, "answered 500", DeliveryStatus.DEAD)
    assert [one.delivery_id for one in book.due("acme", 10)] == [delivery.delivery_id]
    assert book.dead() == []


def test_what_was_delivered_is_kept_while_its_task_is_open(store: Store) -> None:
    book = webhooks_in(store)
    book.register("acme", URL, list(News), [], actor="a")
    offered(store, 1)
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)
    book.note_try(delivery, None)

    assert book.forget(store.now()) == 0
    assert book.note_news(book.endpoints()) == 0


def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(store: Store) -> None:
    book = webhooks_in(store)
    made = book.register("acme", URL, ["task.offered"], [], actor="a")

    turned = book.rotate(made.endpoint_id, actor="a")
    until = turned.old_until

    assert turned.secrets_at(store.now()) == [turned.secret, made.secret]
    assert until is not None
    assert turned.secrets_at(until) == [turned.secret]


def test_a_vendor_has_a_bounded_number_of_endpoints(store: Store) -> None:
    book = webhooks_in(store)
    made = [
        book.register("acme", URL, ["task.offered"], [], actor="a") for _ in range(MOST_ENDPOINTS)
    ]

    with pytest.raises(ConflictError):
        book.register("acme", URL, ["task.offered"], [], actor="a")
    book.remove(made[0].endpoint_id, actor="a")
    with pytest.raises(NotFoundError):
        book.remove(made[0].endpoint_id, actor="a")
    assert len(book.endpoints("acme")) == MOST_ENDPOINTS - 1


def test_every_deed_on_a_webhook_is_in_the_audit_of_who_did_it(store: Store) -> None:
    book = webhooks_in(store)
    made = book.register("acme", URL, list(News), [], actor="root").endpoint_id
    book.change(made, f"{URL}2", list(News), [], actor="acme-1")
    book.rotate(made, actor="acme-1")
    offered(store, 1)
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)
    book.note_try(replace(delivery, tries=len(DELAYS)), "answered 500")
    book.send_again(delivery.delivery_id, actor="alice")
    book.remove(made, actor="root")

    found = store.deeds(AuditQuery(limit=10)).items

    assert [(one.actor, one.verb, one.subject) for one in reversed(found)] == [
        ("root", "webhook add", f"acme {URL}"),
        ("acme-1", "webhook change", f"acme {URL}2"),
        ("acme-1", "webhook rotate", f"acme {URL}2"),
        ("alice", "webhook resend", f"delivery {delivery.delivery_id}"),
        ("root", "webhook remove", f"acme {URL}2"),
    ]


def test_those_who_register_at_the_same_time_have_no_more_than_they_may(store: Store) -> None:
    book = webhooks_in(store)

    def register(_: int) -> bool:
        try:
            book.register("acme", URL, ["task.offered"], [], actor="a")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(register, range(20)))

    assert (sum(made), len(book.endpoints("acme"))) == (MOST_ENDPOINTS, MOST_ENDPOINTS)


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("verb", ["clone", "clone.undo"])
@pytest.mark.parametrize("state", [TaskState.POLLING, TaskState.ENDED])
@pytest.mark.parametrize("status", list(TaskStatus))
def test_the_news_of_a_task_are_the_same_in_every_store(
    store: Store, status: TaskStatus, state: TaskState, verb: str, stopped: bool
) -> None:
    book = webhooks_in(store)
    book.register("acme", URL, list(News), [], actor="a")
    offered(store, 1, status=status, state=state, verb=verb, stop_requested=stopped)
    ((known, *_), *_) = [store.tasks([root(1).command_id])]

    book.note_news(book.endpoints())

    assert {one.news for one in book.due("acme", 10)} == news_of(known)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "0.0.0.0",
     "fd00::1", "64:ff9b::a00:1", "2002:a00:1::", "100.64.0.1", "224.0.0.1", "::127.0.0.1", "::a00:1",
     "192.0.0.192", "192.88.99.1", "fec0::1", "64:ff9b:1::a00:1", "5f00::1", "ff02::1", "240.0.0.1",
     "255.255.255.255", "::ffff:192.0.0.192", "2001:db8::1", "2001::1"],
)  # fmt: skip
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1::1")
    assert is_public("::ffff:93.184.216.34")
