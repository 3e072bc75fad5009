"""The adapter on a simulator: the contract, and what VDSM makes special."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import Vdsm, Volume, VolumeAddress
from adapters.vdsm.calls import Calls
from adapters.vdsm.settings import DOMAIN
from adapters.vdsm.simulator import Effect, Fault, Seeded, seed
from adapters.vdsm.storage_jobs import STORAGE_JOBS, UNSTOPPABLE
from orchestrator import AsyncTask, AsyncTaskRef, TaskReport, TaskStatus, TryAgain
from tests.adapters.contract import (
    AdapterContract,
    eventually,
    known_as,
    ref_of,
    start_again,
    until_ended,
)
from tests.adapters.vdsm.simulator_process import SimulatorProcess

SLOW_BYTES = 12_000_000  # a minute at the slow simulator's speed
Connect = Callable[[SimulatorProcess], Vdsm]


def _seed(simulator: SimulatorProcess, *sizes: int) -> tuple[Seeded, tuple[UUID, ...]]:
    name = f"vm-{uuid4()}"
    seeded = seed(simulator.directory, vms={name: sizes})
    return seeded, seeded.images[name]


def _destination(vdsm: Vdsm, size: int) -> Volume:
    address = VolumeAddress(storage_domain_id=DOMAIN, image_id=uuid4(), volume_id=uuid4())
    ref = ref_of(vdsm.storage().create_volume(address, size_bytes=size))
    until_ended(vdsm, known_as(ref, vdsm.start(ref, again=False)))
    return vdsm.storage().volume(address)


def _source(seeded: Seeded, image_id: UUID) -> VolumeAddress:
    return VolumeAddress(
        storage_domain_id=DOMAIN, image_id=image_id, volume_id=seeded.volumes[image_id]
    )


def _copy(simulator: SimulatorProcess, vdsm: Vdsm, size: int) -> AsyncTask[Any]:
    seeded, (image_id,) = _seed(simulator, size)
    return vdsm.storage().copy_data(_source(seeded, image_id), _destination(vdsm, size))


def _path(simulator: SimulatorProcess, address: VolumeAddress) -> Path:
    images = simulator.directory / "domains" / str(address.storage_domain_id) / "images"
    return images / str(address.image_id) / str(address.volume_id)


class TestStorageTasks(AdapterContract):
    """The contract by the removal of images, a task whose id VDSM chooses."""

    @pytest.fixture
    def adapter(self, slow_vdsm: Vdsm) -> Vdsm:
        return slow_vdsm

    @pytest.fixture
    def quick_task(
        self, slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
    ) -> Callable[[], AsyncTask[Any]]:
        def describe() -> AsyncTask[Any]:
            _, (image_id,) = _seed(slow_simulator, 60_000)  # about 0.3 s to overwrite
            return slow_vdsm.storage().delete_image(image_id, post_zero=True)

        return describe

    @pytest.fixture
    def slow_task(
        self, slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
    ) -> Callable[[], AsyncTask[Any]]:
        def describe() -> AsyncTask[Any]:
            _, (image_id,) = _seed(slow_simulator, SLOW_BYTES)
            return slow_vdsm.storage().delete_image(image_id, post_zero=True)

        return describe

    @pytest.fixture
    def count_tasks(self, slow_simulator: SimulatorProcess) -> Callable[[], int]:
        return lambda: len(slow_simulator.ask("Host.getAllTasksStatuses"))

    @pytest.fixture
    def count_listings(self, slow_simulator: SimulatorProcess) -> Callable[[], int]:
        return lambda: slow_simulator.count("Host.getAllTasksStatuses")


class TestJobs(AdapterContract):
    """The contract by copies, jobs whose id we choose, and which no host can end."""

    can_be_stopped = False

    @pytest.fixture
    def adapter(self, slow_vdsm: Vdsm) -> Vdsm:
        return slow_vdsm

    @pytest.fixture
    def quick_task(
        self, slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
    ) -> Callable[[], AsyncTask[Any]]:
        return lambda: _copy(slow_simulator, slow_vdsm, 60_000)

    @pytest.fixture
    def slow_task(
        self, slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
    ) -> Callable[[], AsyncTask[Any]]:
        return lambda: _copy(slow_simulator, slow_vdsm, 600_000)

    @pytest.fixture
    def count_tasks(self, slow_simulator: SimulatorProcess) -> Callable[[], int]:
        return lambda: len(slow_simulator.ask("Host.getJobs"))

    @pytest.fixture
    def count_listings(self, slow_simulator: SimulatorProcess) -> Callable[[], int]:
        return lambda: slow_simulator.count("Host.getJobs")


def test_a_copy_copies_the_bytes_and_shows_progress(
    slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
) -> None:
    task = _copy(slow_simulator, slow_vdsm, 150_000)
    ref = ref_of(task)
    ref = known_as(ref, slow_vdsm.start(ref, again=False))
    seen: list[float] = []

    def has_ended() -> bool:
        (report,) = slow_vdsm.poll(ref.scope, [ref])
        seen.append(report.progress or 0.0)
        return report.status.has_ended

    eventually(has_ended)

    source = VolumeAddress.model_validate(task.request["source"])
    written = VolumeAddress.model_validate(task.request["written"])
    assert seen == sorted(seen)
    assert any(0 < one < 1 for one in seen)
    assert _path(slow_simulator, written).read_bytes() == _path(slow_simulator, source).read_bytes()
    assert slow_vdsm.storage().volume(written).generation == 1


def test_a_start_whose_reply_was_lost_is_found_again(
    slow_simulator: SimulatorProcess, connect: Connect
) -> None:
    vdsm = slow_simulator.adapter(start_timeout_s=0.3)
    _, (image_id,) = _seed(slow_simulator, 100_000)
    ref = ref_of(vdsm.storage().delete_image(image_id, post_zero=True))
    fault = Fault(verb="Image.delete", effect=Effect.LOSE_REPLY, about=str(image_id), times=1)
    slow_simulator.inject(fault)
    before = len(slow_simulator.ask("Host.getAllTasksStatuses"))

    with pytest.raises(TryAgain):
        vdsm.start(ref, again=False)
    patient = connect(slow_simulator)
    report = start_again(patient, ref)

    assert report.status is TaskStatus.SUCCEEDED
    assert len(slow_simulator.ask("Host.getAllTasksStatuses")) == before + 1
    vdsm.close()


def test_an_image_that_is_gone_counts_as_removed(vdsm: Vdsm) -> None:
    ref = ref_of(vdsm.storage().delete_image(uuid4()))

    assert vdsm.start(ref, again=False).status is TaskStatus.SUCCEEDED


def test_a_volume_that_is_there_counts_as_created(vdsm: Vdsm) -> None:
    address = _destination(vdsm, 1000).address
    ref = ref_of(vdsm.storage().create_volume(address, size_bytes=1000))

    again = vdsm.start(ref, again=True)
    blind = known_as(ref, vdsm.start(ref, again=False))

    assert again.status is TaskStatus.SUCCEEDED
    assert until_ended(vdsm, blind).status is TaskStatus.SUCCEEDED
    assert Volume.model_validate(again.result).address == address


def test_a_failed_task_is_reported_with_its_message(
    simulator: SimulatorProcess, vdsm: Vdsm
) -> None:
    _, (image_id,) = _seed(simulator, 1000)
    fault = Fault(verb="Image.delete", effect=Effect.FAIL_WORK, about=str(image_id), code=200)
    simulator.inject(fault)
    ref = ref_of(vdsm.storage().delete_image(image_id))

    report = until_ended(vdsm, known_as(ref, vdsm.start(ref, again=False)))

    assert report.status is TaskStatus.FAILED
    assert report.message == "value=injected fault abortedcode=200"
    assert report.detail["result"] == "cleanSuccess"
    assert vdsm.storage().image_exists(image_id), "a failed removal is rolled back"


def test_a_stopped_copy_runs_to_its_end_and_says_so(
    slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
) -> None:
    ref = ref_of(_copy(slow_simulator, slow_vdsm, 150_000))
    ref = replace(known_as(ref, slow_vdsm.start(ref, again=False)), stop_requested=True)

    slow_vdsm.stop(ref)
    (running,) = slow_vdsm.poll(ref.scope, [ref])
    report = until_ended(slow_vdsm, ref)

    assert running.message == UNSTOPPABLE
    assert report.status is TaskStatus.SUCCEEDED


def test_two_good_copies_into_one_volume_do_not_look_like_a_fence(
    simulator: SimulatorProcess, vdsm: Vdsm
) -> None:
    first = ref_of(_copy(simulator, vdsm, 1000))
    until_ended(vdsm, known_as(first, vdsm.start(first, again=False)))
    written = VolumeAddress.model_validate(first.request["written"])
    source = VolumeAddress.model_validate(first.request["source"])
    second = ref_of(vdsm.storage().copy_data(source, vdsm.storage().volume(written)))
    until_ended(vdsm, known_as(second, vdsm.start(second, again=False)))

    judged = STORAGE_JOBS["SDM.copy_data"].judge(Calls(pool=vdsm._pool(None)), first)

    assert judged.status is TaskStatus.LOST
    assert "expected generation 0 or 1, got 2" in str(judged.message)


def test_a_task_that_runs_cannot_be_cleared_yet(
    slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
) -> None:
    _, (image_id,) = _seed(slow_simulator, SLOW_BYTES)
    ref = ref_of(slow_vdsm.storage().delete_image(image_id, post_zero=True))
    ref = known_as(ref, slow_vdsm.start(ref, again=False))

    with pytest.raises(TryAgain, match="not ended"):
        slow_vdsm.clear(ref)

    slow_vdsm.stop(ref)
    until_ended(slow_vdsm, ref)


def test_tasks_and_jobs_together_cost_one_listing_each(
    simulator: SimulatorProcess, vdsm: Vdsm
) -> None:
    refs = [ref_of(_copy(simulator, vdsm, 1000)), ref_of(_copy(simulator, vdsm, 1000))]
    images = [_seed(simulator, 1000)[1][0] for _ in range(2)]
    refs += [ref_of(vdsm.storage().delete_image(one)) for one in images]
    refs = [known_as(one, vdsm.start(one, again=False)) for one in refs]
    before = simulator.count("Host.getAllTasksStatuses"), simulator.count("Host.getJobs")

    reports = list(vdsm.poll(refs[0].scope, refs))

    after = simulator.count("Host.getAllTasksStatuses"), simulator.count("Host.getJobs")
    assert len(reports) == 4
    assert after == (before[0] + 1, before[1] + 1)


def test_another_pool_is_left_to_a_worker_that_has_it(vdsm: Vdsm) -> None:
    with pytest.raises(TryAgain, match="not configured"):
        list(vdsm.poll(str(uuid4()), []))


def test_a_removal_waits_for_another_of_the_same_image(
    slow_simulator: SimulatorProcess, slow_vdsm: Vdsm
) -> None:
    _, (image_id,) = _seed(slow_simulator, 100_000)
    ref = ref_of(slow_vdsm.storage().delete_image(image_id, post_zero=True))
    first = slow_vdsm.start(ref, again=False)

    second = slow_vdsm.start(ref_of(slow_vdsm.storage().delete_image(image_id)), again=False)

    assert second.status is TaskStatus.SUCCEEDED
    assert until_ended(slow_vdsm, known_as(ref, first)).status is TaskStatus.SUCCEEDED


def _patiently(vdsm: Vdsm, *refs: AsyncTaskRef) -> list[TaskReport]:
    """Polls as the engine does: a host that is only starting is asked again."""

    def answer() -> list[TaskReport] | None:
        try:
            return list(vdsm.poll(refs[0].scope, refs))
        except TryAgain:
            return None

    found: list[TaskReport] = eventually(answer)
    return found


class TestARestartOfTheHost:
    """The simulator is killed with -9 and started again."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[SimulatorProcess]:
        seed(tmp_path, vms={})
        process = SimulatorProcess(tmp_path, speed=200_000)
        yield process
        process.kill()

    def test_a_running_task_is_rolled_back_and_an_ended_one_comes_back(
        self, host: SimulatorProcess, connect: Connect
    ) -> None:
        vdsm = connect(host)
        _, (small, large) = _seed(host, 1000, SLOW_BYTES)
        refs = [ref_of(vdsm.storage().delete_image(one, post_zero=True)) for one in (small, large)]
        ended, running = (known_as(one, vdsm.start(one, again=False)) for one in refs)
        until_ended(vdsm, ended)

        host.kill()
        with pytest.raises(TryAgain):
            list(vdsm.poll(ended.scope, [ended, running]))
        host.start()

        reports = {one.task_id: one for one in _patiently(vdsm, ended, running)}
        assert reports[ended.task_id].status is TaskStatus.SUCCEEDED
        assert reports[running.task_id].status is TaskStatus.FAILED
        assert reports[running.task_id].message == "Task is initializing"
        assert vdsm.storage().image_exists(large)
        assert not vdsm.storage().image_exists(small)

    def test_a_running_job_is_gone_and_its_volume_tells_that_it_failed(
        self, host: SimulatorProcess, connect: Connect
    ) -> None:
        vdsm = connect(host)
        ref = ref_of(_copy(host, vdsm, SLOW_BYTES))
        vdsm.start(ref, again=False)
        eventually(lambda: [one for one in vdsm.poll(ref.scope, [ref]) if one.progress])

        host.kill()
        host.start()

        (report,) = _patiently(vdsm, ref)
        assert report.status is TaskStatus.FAILED

    def test_an_ended_job_is_gone_and_its_volume_tells_that_it_succeeded(
        self, host: SimulatorProcess, connect: Connect
    ) -> None:
        vdsm = connect(host)
        ref = ref_of(_copy(host, vdsm, 1000))
        vdsm.start(ref, again=False)
        until_ended(vdsm, ref)

        host.kill()
        host.start()

        (report,) = _patiently(vdsm, ref)
        assert report.status is TaskStatus.SUCCEEDED
        assert report.result["generation"] == 1
        assert vdsm.start(ref, again=True).status is TaskStatus.SUCCEEDED
