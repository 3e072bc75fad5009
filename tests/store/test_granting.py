"""The contract of all stores: grants, what belongs to a vendor, who submitted what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.core.access import Grant, GrantAbout
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.audit import Deed
from orchestrator.core.ids import root_id
from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery, Offer
from orchestrator.core.status import TaskState
from tests.store.rows import NOW, SECOND, put, put_tasks, put_tree, root, task

COMMAND, KIND = GrantAbout.COMMAND, GrantAbout.KIND


def grant(about: GrantAbout, subject: str, vendor: str, by: str = "alice") -> Grant:
    return Grant(
        about=about, subject=subject, vendor=vendor, granted_by=by, reason="so it is", at=NOW
    )


def test_a_grant_is_found_by_what_it_is_about_and_by_whom_it_is_for(store: Store) -> None:
    with store.begin() as tx:
        for one in (
            grant(COMMAND, "1", "acme"),
            grant(COMMAND, "1", "globex"),
            grant(KIND, "1", "acme"),
        ):
            tx.grant(one)

    with store.begin() as tx:
        found = tx.grants(COMMAND, "1")
    assert [one.vendor for one in found] == ["acme", "globex"]
    assert [one.about for one in store.grants(vendor="acme")] == [COMMAND, KIND]
    assert store.grants(vendor="acme", about=KIND, subject="1") == [grant(KIND, "1", "acme")]


def test_a_grant_given_again_stays_as_it_was_and_is_taken_back_once(store: Store) -> None:
    with store.begin() as tx:
        tx.grant(grant(KIND, "k", "acme"))
        tx.grant(grant(KIND, "k", "acme", by="bob"))
    given = store.grants()

    with store.begin() as tx:
        answers = [tx.withdraw(KIND, "k", "acme") for _ in range(2)]

    assert [one.granted_by for one in given] == ["alice"]
    assert (answers, store.grants()) == ([True, False], [])


def test_what_belongs_to_a_vendor_is_told_from_a_user_of_its_name(store: Store) -> None:
    ours = put(store, root(1, owner_id="acme", owner_type="vendor"))
    users = put(store, root(2, owner_id="acme"))
    others = put(store, root(3, owner_id="globex", owner_type="vendor"))

    found = store.of_vendor("acme", [one.command_id for one in (ours, users, others)])
    listed = store.get_commands(CommandQuery(owner="acme", owner_type="vendor"))

    assert [one.command_id for one in found] == [ours.command_id]
    assert [one.command_id for one in listed.items] == [ours.command_id]


def test_the_audit_knows_who_submitted(store: Store) -> None:
    ours = put(store, root(1)).command_id
    with store.begin() as tx:
        tx.audit(Deed(actor="carol", verb="stop", command_id=ours, reason="", at=NOW))
        tx.audit(Deed(actor="acme-2", verb="submit", command_id=ours, reason="", at=NOW))

    assert store.submitter(ours) == "acme-2"
    assert store.submitter(root_id(2)) is None


def test_tasks_are_offered_that_nobody_has_begun_or_that_were_let_go(store: Store) -> None:
    late = NOW + 100 * SECOND
    owner = put(store, root(1))

    def stored(number: int, **fields: Any) -> str:
        made = task(
            owner,
            number,
            **{"scope": "acme", "system": "vendor", "state": TaskState.POLLING} | fields,
        )
        made = replace(made, changed_at=fields.get("changed_at", made.created_at))
        put_tasks(store, made)
        return made.task_id

    free = stored(1)
    let_go = stored(2, claimed_until=late, changed_at=late)
    stored(3, changed_at=late)
    stored(4, claimed_until=late + SECOND)
    stored(5, scope="globex")
    stored(6, state=TaskState.ENDED, status=TaskStatus.SUCCEEDED)
    stored(7, state=TaskState.INITIALIZING)
    other = stored(8, verb="resize")
    offer = Offer(system="vendor", scope="acme", at=late, limit=10)

    found = [one.task_id for one in store.offered_tasks(offer)]
    resize = store.offered_tasks(replace(offer, topics=("resize",)))
    first = store.offered_tasks(replace(offer, limit=1))

    assert found == [free, let_go, other]
    assert [one.task_id for one in resize] == [other]
    assert [one.task_id for one in first] == [free]


def test_the_depth_of_a_command_is_counted_from_its_root(store: Store) -> None:
    tree = put_tree(store, 1, parts=2)

    assert [store.depth(one.command_id) for one in tree] == [1, 2, 2]
    assert store.depth(root_id(99)) == 0
