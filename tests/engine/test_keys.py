"""The key towards other systems: one for all calls of a round, another for the next round."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from orchestrator import Command, Plan, Refused, Retry, Run, sequence
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.conftest import Stages


class Bank:
    """Takes a payment once for each key; counts what it was told."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.refunded: list[str] = []
        self.troubles: list[Exception] = []

    def pay(self, key: str) -> None:
        self.keys.append(key)
        if self.troubles:
            raise self.troubles.pop(0)


class Pay(Command, kind="keys.pay", retry=Retry(attempts=3)):
    def execute(self, bank: Bank, run: Run) -> None:
        bank.pay(run.idempotency_key)

    def compensate(self, bank: Bank, run: Run) -> None:
        bank.refunded.append(run.idempotency_key)


class Ship(Command, kind="keys.ship"):
    def execute(self, bank: Bank) -> None:
        if len(bank.refunded) == 0:
            raise Refused("no box")


class Order(Command, kind="keys.order"):
    def plan(self) -> Plan:
        return sequence(Pay(), Ship())


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def shop(stages: Stages, bank: Bank) -> Stage:
    return stages(Pay, Ship, Order, supplies=(bank,))


def test_every_call_of_a_round_has_the_same_key(shop: Stage, bank: Bank) -> None:
    bank.troubles = [OSError("no answer"), OSError("no answer")]

    paid = shop.perform(Pay()).command_id
    for _ in range(2):
        shop.turn(timedelta(minutes=1))

    assert shop.orchestrator.get(paid).status is Status.SUCCEEDED
    assert bank.keys == [paid] * 3


def test_a_restart_pays_again_under_another_key(shop: Stage, bank: Bank) -> None:
    order = shop.perform(Order())
    assert (order.status, len(bank.refunded)) == (Status.FAILED, 1)

    shop.orchestrator.restart(order.command_id, "there are boxes now")
    shop.play()

    assert shop.orchestrator.get(order.command_id).status is Status.SUCCEEDED
    first, second = bank.keys
    assert (bank.refunded, first == second) == ([first], False)
    assert str(UUID(second)) == second
