"""Our adapter on the same host: what commands ask of storage works there. The tests make volumes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import Vdsm, VolumeAddress
from orchestrator import AsyncTask, TaskReport, TaskStatus, TryAgain
from tests.adapters.contract import known_as, ref_of, until_ended
from tests.adapters.vdsm_host.target import Storage, Target


@pytest.fixture
def vdsm(target: Target) -> Iterator[Vdsm]:
    made = target.adapter()
    yield made
    made.close()


def _address(storage: Storage) -> VolumeAddress:
    return VolumeAddress(
        storage_domain_id=UUID(storage.target.domain),
        image_id=UUID(storage.image_id()),
        volume_id=uuid4(),
    )


def _run(vdsm: Vdsm, task: AsyncTask[Any]) -> TaskReport:
    ref = ref_of(task)
    first = vdsm.start(ref, again=False)
    if first.status.has_ended:
        return first
    ref = known_as(ref, first)
    last = until_ended(vdsm, ref)
    vdsm.clear(ref)
    return last


def test_an_image_that_is_not_there_does_not_exist(vdsm: Vdsm) -> None:
    assert not vdsm.storage().image_exists(uuid4())


def test_the_removal_of_an_image_that_is_gone_is_done_already(vdsm: Vdsm) -> None:
    assert _run(vdsm, vdsm.storage().delete_image(uuid4())).status is TaskStatus.SUCCEEDED


def test_what_runs_is_listed(vdsm: Vdsm, target: Target) -> None:
    assert list(vdsm.discover(target.pool)) is not None


def test_a_disk_is_made_copied_merged_and_deleted(vdsm: Vdsm, storage: Storage) -> None:
    verbs = vdsm.storage()
    source, copy = _address(storage), _address(storage)
    overlay = source.model_copy(update={"volume_id": uuid4()})
    for address in (source, copy):
        assert (
            _run(vdsm, verbs.create_volume(address, size_bytes=1 << 20)).status
            is TaskStatus.SUCCEEDED
        )
    made = verbs.create_volume(overlay, size_bytes=1 << 20, parent_id=source.volume_id)

    assert _run(vdsm, made).status is TaskStatus.SUCCEEDED
    assert [one.address for one in verbs.chain(source.image_id)] == [source, overlay]
    copied = _run(vdsm, verbs.copy_data(source, verbs.volume(copy)))
    assert (copied.status, verbs.volume(copy).generation) == (TaskStatus.SUCCEEDED, 1)
    top = overlay.volume_id
    steps: tuple[Callable[[], AsyncTask[None]], ...] = (
        lambda: verbs.prepare_merge(top, source),
        lambda: verbs.merge_volume(top, verbs.volume(source)),
        lambda: verbs.finalize_merge(top, source),
        lambda: verbs.delete_volume(overlay),
        lambda: verbs.delete_image(copy.image_id),
    )
    for step in steps:
        assert _run(vdsm, step()).status is TaskStatus.SUCCEEDED
    assert [one.address for one in verbs.chain(source.image_id)] == [source]
    assert not verbs.image_exists(copy.image_id)


def test_a_host_of_another_house_is_waited_for_and_named(untrusted: Target) -> None:
    vdsm = untrusted.adapter()

    with pytest.raises(TryAgain, match=r"do not trust each other: .* check the authority"):
        vdsm.storage().image_exists(uuid4())

    vdsm.close()
