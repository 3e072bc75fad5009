"""`orchestrator webhook`: registering, rotating, removing, and what could not be delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.core.access import Role
from orchestrator.core.webhook import DELAYS
from tests.api.served import Served
from tests.cli.conftest import Typing, json_of

URL = "https://93.184.216.34/hook"


def test_an_admin_registers_changes_rotates_and_removes(cli: Typing) -> None:
    made = cli("webhook", "add", URL, "--vendor", "acme", "--topic", "clone")
    name, secret = made.output.split()
    turned = cli("webhook", "rotate", name)
    changed = cli("webhook", "change", name, URL, "--news", "task.offered")
    (listed,) = json_of(cli("webhook", "list", "-o", "json"))["items"]
    removed = cli("webhook", "remove", name)

    assert secret.startswith("whsec_")
    assert turned.output.startswith("whsec_")
    assert secret not in turned.output
    assert changed.exit_code == 0
    assert (listed["vendor"], listed["news"], listed["topics"]) == ("acme", ["task.offered"], [])
    assert removed.exit_code == 0
    assert json_of(cli("webhook", "list", "-o", "json"))["items"] == []


def test_an_operator_sends_a_dead_letter_again(cli: Typing, house: Served) -> None:
    book = house.app.state.desk.webhooks
    book.register("acme", URL, ["task.offered"], [])
    body = {"description": "clone", "vendor": "acme"}
    client = house.bare(headers={"Authorization": f"Bearer {_admin(house)}"})
    assert client.post("/api/v1/external-tasks", json=body).status_code == 201
    house.stage.play()
    book.note_news(book.endpoints())
    (delivery,) = book.due("acme", 5)
    for _ in range(len(DELAYS) + 1):
        book.note_try(delivery, "answered 500")
        delivery = replace(delivery, tries=delivery.tries + 1)

    (dead,) = json_of(cli("webhook", "dead", "-o", "json"))["items"]
    shown = cli("webhook", "dead")
    sent = cli("webhook", "resend", dead["id"])
    again = cli("webhook", "resend", dead["id"])

    assert sum(DELAYS, timedelta()) < timedelta(days=1)
    assert (dead["tries"], dead["problem"]) == (8, "answered 500")
    assert dead["id"][:8] in shown.output
    assert (sent.exit_code, again.exit_code != 0) == (0, True)
    assert [one.delivery_id for one in book.due("acme", 5)] == [dead["id"]]


def _admin(house: Served) -> str:
    return house.tokens.create("webhook-admin", Role.ADMIN)
