"""Vendors' reports and claims that meet in different processes: each has its own writer on one database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from orchestrator import TaskStatus, external
from orchestrator.core.status import Status
from orchestrator.engine.vendor_claim import VendorClaim
from orchestrator.engine.vendor_report import VendorReport
from orchestrator.store.sql import SqlStore
from orchestrator.testing import Stage

T = TypeVar("T")
ENDS = (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.ABORTED)
PROCESSES, DUELLISTS = 4, 24


def at_once(count: int, do: Callable[[int], T]) -> list[T]:
    """Gives what each of so many threads makes of its number, all beginning together."""
    ready = Barrier(count)

    def begin(number: int) -> T:
        ready.wait()
        return do(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


def processes(store: SqlStore) -> list[Stage]:
    return [Stage((), store=store) for _ in range(PROCESSES)]


def test_of_different_ends_in_different_processes_one_is_taken(sql_store: SqlStore) -> None:
    stages = processes(sql_store)
    task = stages[0].submit(external("acme", "Clone it"))
    stages[0].play()

    def tell(number: int) -> str | None:
        report = VendorReport(
            command_id=task, vendor="acme", status=ENDS[number % 3], message=f"word {number}"
        )
        (answer,) = stages[number % PROCESSES].orchestrator.report_external([report])
        return "refused" if answer.refused or answer.task is None else answer.task.message

    answers = at_once(DUELLISTS, tell)

    taken = [one for one in answers if one != "refused"]
    assert len(taken) == 1
    assert [one.message for one in sql_store.tasks([task])] == taken
    assert sql_store.tasks([task])[0].status.has_ended


def test_programs_in_different_processes_are_given_different_tasks(sql_store: SqlStore) -> None:
    stages = processes(sql_store)
    orders = [external("acme", f"Clone {one}") for one in range(30)]
    ids = [one.id for one in stages[0].orchestrator.submit_many(orders, owner="engine")]
    stages[0].play()

    def work(number: int) -> list[str]:
        claim = VendorClaim(vendor="acme", program=f"p{number}", limit=2)
        done: list[str] = []
        while taken := stages[number % PROCESSES].orchestrator.claim_external(claim):
            done += [one.command.command_id for one in taken if one.command]
        return done

    taken = [one for done in at_once(2 * PROCESSES, work) for one in done]

    assert max(Counter(taken).values()) == 1
    left = stages[0].orchestrator.claim_external(
        VendorClaim(vendor="acme", program="last", limit=30)
    )
    assert {*taken, *(one.command.command_id for one in left if one.command)} == set(ids)
    assert {sql_store.get_all([one])[0].status for one in ids} == {Status.WAITING}
