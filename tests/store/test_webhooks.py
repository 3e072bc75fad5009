"""The contract of the SQL stores: where vendors are told, what, how often, and what was given up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.errors import ConflictError, NotFoundError
from orchestrator.core.status import TaskState
from orchestrator.core.webhook import DELAYS, MOST_ENDPOINTS, DeliveryStatus, News, is_public
from orchestrator.store.sql import SqlStore
from orchestrator.store.webhooks import SqlWebhooks
from tests.store.rows import put, put_tasks, root, task

URL = "https://acme.example/hook"


def offered(store: SqlStore, number: int, **fields: Any) -> None:
    about = {"system": "vendor", "scope": "acme", "verb": "clone", "state": TaskState.POLLING}
    given = {**about, "status": TaskStatus.RUNNING, **fields}
    put_tasks(store, task(put(store, root(number)), number, **given))


def test_each_news_is_noted_once_for_those_who_asked_for_it(sql_store: SqlStore) -> None:
    book = SqlWebhooks(sql_store)
    book.register("acme", URL, list(News), ["clone"])
    book.register("globex", URL, list(News), [])
    offered(sql_store, 1)
    offered(sql_store, 2, verb="clone.undo")
    offered(sql_store, 3, stop_requested=True)
    offered(sql_store, 4, verb="resize")

    noted = [book.note_news(book.endpoints()) for _ in range(2)]

    assert noted == [3, 0]
    assert {one.news for one in book.due("acme", 10)} == set(News)
    assert book.due("globex", 10) == []


def test_a_delivery_dies_after_its_tries_and_is_sent_again_by_hand(sql_store: SqlStore) -> None:
    book = SqlWebhooks(sql_store)
    book.register("acme", URL, list(News), [])
    offered(sql_store, 1)
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)

    book.note_try(delivery, "answered 500")
    waits = (book.due("acme", 10), book.dead())
    book.note_try(replace(delivery, tries=len(DELAYS)), "answered 500")
    (dead,) = book.dead("acme")
    with pytest.raises(NotFoundError):
        book.send_again(dead.delivery_id, "globex")
    book.send_again(dead.delivery_id, "acme")

    assert waits == ([], [])
    assert (dead.tries, dead.problem, dead.status) == (8, "answered 500", DeliveryStatus.DEAD)
    assert [one.delivery_id for one in book.due("acme", 10)] == [delivery.delivery_id]
    assert book.dead() == []


def test_what_was_delivered_is_kept_while_its_task_is_open(sql_store: SqlStore) -> None:
    book = SqlWebhooks(sql_store)
    book.register("acme", URL, list(News), [])
    offered(sql_store, 1)
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 10)
    book.note_try(delivery, None)

    assert book.forget(sql_store.now()) == 0
    assert book.note_news(book.endpoints()) == 0


def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(sql_store: SqlStore) -> None:
    book = SqlWebhooks(sql_store)
    made = book.register("acme", URL, ["task.offered"], [])

    turned = book.rotate(made.endpoint_id)
    until = turned.old_until

    assert turned.secrets_at(sql_store.now()) == [turned.secret, made.secret]
    assert until is not None
    assert turned.secrets_at(until) == [turned.secret]


def test_a_vendor_has_a_bounded_number_of_endpoints(sql_store: SqlStore) -> None:
    book = SqlWebhooks(sql_store)
    made = [book.register("acme", URL, ["task.offered"], []) for _ in range(MOST_ENDPOINTS)]

    with pytest.raises(ConflictError):
        book.register("acme", URL, ["task.offered"], [])
    book.remove(made[0].endpoint_id)
    with pytest.raises(NotFoundError):
        book.remove(made[0].endpoint_id)
    assert len(book.endpoints("acme")) == MOST_ENDPOINTS - 1


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "0.0.0.0",
     "fd00::1", "64:ff9b::a00:1", "2002:a00:1::", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")
