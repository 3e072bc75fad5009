"""The contract of all stores: commands, their places, values, revisions and requests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.core.audit import Deed
from orchestrator.core.entity import NewCommand, Payload
from orchestrator.core.errors import ContendedError
from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.ports import Store
from orchestrator.core.status import Mode, Outcome, Phase, Status, Verbs
from tests.store.rows import NOW, SECOND, change, news, parts_of, put, put_tree, root


def test_a_command_is_read_as_it_was_stored(store: Store) -> None:
    full = root(
        status=Status.DELAYED, phase=Phase.END, mode=Mode.PARALLEL, best_effort=True, parts=7,
        verbs=Verbs.EXECUTE | Verbs.COMPENSATE, pending=3, outcome=Outcome.FAILED, weight=5,
        stopping=Outcome.STOPPED, revision=9, attempt=4, tries=2, deaths=1, nudges=6,
        worker_id="w-1", wake_at=NOW + SECOND, deadline=NOW + timedelta(days=400),
        locks=(Lock("vm", "1", LockMode.EXCLUSIVE),), entity_type="vm", entity_id="1",
        owner_type="group", correlation_id="c", message="ünïcode ✓ '\"\\", progress=0.25,
        visible_to_ui=False, start_time=NOW, end_time=NOW + timedelta(microseconds=1),
    )  # fmt: skip

    put(store, full)

    assert store.get(full.command_id) == full


def test_json_is_read_as_it_was_stored(store: Store) -> None:
    values = {"text": "ä\n✓", "nothing": None, "list": [1, 2.5, {"deep": [True]}], "big": 2**53}
    command = root()

    with store.begin() as tx:
        tx.insert([NewCommand(command, Payload(values, {"execute.x": [command.command_id]}))])

    assert store.payload(command.command_id) == Payload(values, {"execute.x": [command.command_id]})


def test_what_is_not_there_is_none(store: Store) -> None:
    unknown = root().command_id

    assert store.get(unknown) is None
    assert store.payload(unknown) is None
    assert store.value(unknown) is None
    assert store.tree(unknown) == []
    assert store.history(unknown) == []


def test_a_tree_is_given_parents_first_and_parts_in_order(store: Store) -> None:
    top, first, second, third = put_tree(store)
    inner = parts_of(first, 3)[2]._replace(
        command_id=first.command_id[:-1] + "9", parent_id=second.command_id, next_id=None
    )
    put(store, inner)

    assert store.tree(top.command_id) == [top, first, second, inner, third]
    assert store.tree(second.command_id) == [second, inner]


def test_parts_are_found_by_their_places(store: Store) -> None:
    top, first, second, third = put_tree(store)
    attached = parts_of(top, 5)[4]._replace(order=-1, in_sequence=False)
    put(store, attached)

    with store.begin() as tx:
        assert [one.label for one in tx.parts(top.command_id) if one.order >= 0] == [
            "part 1", "part 2", "part 3",
        ]  # fmt: skip
        assert len(tx.parts(top.command_id)) == 4
        assert tx.parts(top.command_id, (Status.READY,)) == []
        assert tx.edge_part(top.command_id, last=False) == first
        assert tx.edge_part(top.command_id, last=True) == third
        assert tx.previous(second.command_id) == first
        assert tx.previous(first.command_id) is None
        assert tx.edge_part(first.command_id, last=True) is None


def test_a_look_shows_a_command_with_its_parent_and_what_follows_it(store: Store) -> None:
    top, first, second, third = put_tree(store)

    with store.begin() as tx:
        far = tx.look([first.command_id], 5)
        near = tx.look([first.command_id], 1)
        last = tx.look([third.command_id], 5)

    assert {one.entity for one in far} == {top, first, second, third}
    assert {one.entity for one in near} == {top, first, second}
    assert {one.entity for one in last} == {top, third}
    assert all(one.payload == store.payload(one.entity.command_id) for one in last)


def test_a_look_at_many_shows_each_once(store: Store) -> None:
    tree = put_tree(store)
    alone = put(store, root(2), name="x")

    with store.begin() as tx:
        found = tx.look(
            [*(one.command_id for one in tree), alone.command_id, tree[0].command_id], 9
        )

    assert sorted(one.entity.command_id for one in found) == sorted(
        one.command_id for one in (*tree, alone)
    )


def test_a_look_shows_no_siblings_side_by_side(store: Store) -> None:
    top = root(mode=Mode.PARALLEL, parts=3)
    first, *others = (one._replace(next_id=None, in_sequence=False) for one in parts_of(top, 3))
    put(store, top, first, *others)

    with store.begin() as tx:
        found = tx.look([first.command_id], 5)

    assert {one.entity.command_id for one in found} == {top.command_id, first.command_id}


def test_locked_commands_are_those_that_exist(store: Store) -> None:
    top, first, *_ = put_tree(store)

    with store.begin() as tx:
        found = tx.lock([first.command_id, root(99).command_id, top.command_id])

    assert {one.command_id for one in found} == {top.command_id, first.command_id}


def test_a_saved_command_must_stand_at_the_revision_before(store: Store) -> None:
    command = put(store, root())
    change(store, command, status=Status.READY)

    with pytest.raises(ContendedError), store.begin() as tx:
        tx.save([command._replace(revision=1, status=Status.FAILED)])

    saved = store.get(command.command_id)
    assert saved is not None
    assert (saved.status, saved.revision) == (Status.READY, 1)


def test_many_are_saved_together_or_not_at_all(store: Store) -> None:
    tree = put_tree(store, parts=4)
    change(store, tree[2])

    with pytest.raises(ContendedError), store.begin() as tx:
        tx.save([one._replace(revision=1, status=Status.READY) for one in tree])

    assert {one.status for one in store.tree(tree[0].command_id)} == {Status.PENDING}


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    command = root()

    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012 - what is undone
        tx.insert([NewCommand(command, Payload({}))])
        tx.finish([command._replace(revision=1)], [news(command)], values={command.command_id: 1})
        tx.remember_request("key", "digest", command.command_id)
        tx.audit(
            Deed(actor="alice", verb="stop", command_id=command.command_id, reason="why", at=NOW)
        )
        raise RuntimeError

    assert store.get(command.command_id) is None
    assert store.last_event() == 0
    with store.begin() as tx:
        assert tx.remember_request("key", "digest", command.command_id) is None


def test_the_same_command_cannot_be_stored_twice(store: Store) -> None:
    command = put(store, root())

    with pytest.raises(ContendedError):
        put(store, command)


@pytest.mark.parametrize("value", [0, False, "", [], {"a": 1}, "text"])
def test_a_return_value_is_read_as_it_was_stored(store: Store, value: object) -> None:
    command = put(store, root())

    with store.begin() as tx:
        tx.finish(
            [command._replace(revision=1)],
            [news(command)],
            values={command.command_id: value},
            ended_roots=[command.command_id],
        )
    change(store, command._replace(revision=1))

    assert store.value(command.command_id) == value


def test_only_values_of_what_succeeded_are_handed_on(store: Store) -> None:
    good, bad = put(store, root(1)), put(store, root(2))
    with store.begin() as tx:
        tx.finish(
            [
                good._replace(revision=1, outcome=Outcome.SUCCEEDED),
                bad._replace(revision=1, outcome=Outcome.FAILED),
            ],
            [],
            values={good.command_id: 1, bad.command_id: 2},
        )

    assert store.values([good.command_id, bad.command_id]) == {good.command_id: 1}


def test_inputs_found_later_are_stored(store: Store) -> None:
    command = put(store, root(), name="x")

    with store.begin() as tx:
        tx.set_payload(command.command_id, Payload({"name": "x"}, {"end.y": ["z"]}))

    assert store.payload(command.command_id) == Payload({"name": "x"}, {"end.y": ["z"]})


def test_an_idempotency_key_stands_for_its_first_request(store: Store) -> None:
    first, second = root(1).command_id, root(2).command_id

    with store.begin() as tx:
        assert tx.remember_request("key", "d1", first) is None
    with store.begin() as tx:
        assert tx.remember_request("key", "d2", second) == ("d1", first)


def test_dropped_parts_are_gone_with_all_below(store: Store) -> None:
    top, first, *_ = put_tree(store)
    below = parts_of(first, 9)[8]._replace(parent_id=first.command_id)
    put(store, below)

    with store.begin() as tx:
        tx.drop_parts(top.command_id)

    assert store.tree(top.command_id) == [top]
    assert store.get(below.command_id) is None


def ready_ids(store: Store, kinds: set[str], limit: int, ahead: int = 0) -> set[str]:
    with store.begin() as tx:
        return {one.entity.command_id for one in tx.ready(kinds, limit, ahead)}


def test_ready_commands_are_found_with_what_follows_them(store: Store) -> None:
    top, first, second, third = put_tree(store)
    first = change(store, first, status=Status.READY)

    with store.begin() as tx:
        found = {one.entity.command_id: one for one in tx.ready({first.kind}, 5, 1)}

    assert found.keys() == {top.command_id, first.command_id, second.command_id}
    assert found[first.command_id].entity == first
    assert found[first.command_id].payload == store.payload(first.command_id)
    assert third.command_id not in found


def test_those_submitted_first_are_ready_first(store: Store) -> None:
    late = put(store, root(1, status=Status.READY, created_at=NOW + timedelta(seconds=2)))
    early = put(store, root(2, status=Status.READY, created_at=NOW))
    between = put(store, root(3, status=Status.READY, created_at=NOW + timedelta(seconds=1)))
    put(store, root(4, status=Status.RUNNING, created_at=NOW))

    kinds = {late.kind, early.kind, between.kind}

    assert ready_ids(store, kinds, 1) == {early.command_id}
    assert ready_ids(store, kinds, 2) == {early.command_id, between.command_id}
    assert ready_ids(store, kinds, 9) == {early.command_id, between.command_id, late.command_id}


def test_only_ready_commands_of_the_kinds_asked_for_are_found(store: Store) -> None:
    odd = put(store, root(1, status=Status.READY, kind='an "odd", \\ {kind}'))
    put(store, root(2, status=Status.READY))

    assert ready_ids(store, {odd.kind, "another"}, 5) == {odd.command_id}
    assert ready_ids(store, {"another"}, 5) == set()


def test_thousands_of_parts_are_stored_and_saved(store: Store) -> None:
    tree = put_tree(store, parts=2_500)
    saved = [one._replace(revision=1, status=Status.SKIPPED) for one in tree]

    with store.begin() as tx:
        assert len(tx.lock([one.command_id for one in tree])) == len(tree)
        tx.save(saved)

    assert store.count_parts(tree[0].command_id) == {Status.SKIPPED: 2_500}
