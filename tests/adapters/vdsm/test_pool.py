"""Pools of several hosts: who manages, who takes over, what a host that is gone may still do."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import Vdsm, VdsmSettings, VolumeAddress
from adapters.vdsm.client import UnreachableError
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import Effect, Fault, seed
from orchestrator import AsyncTaskRef, TaskStatus, TryAgain
from tests.adapters.contract import eventually, known_as, ref_of, until_ended
from tests.adapters.vdsm.simulator_process import SimulatorProcess


class Hosts:
    """Two hosts of one pool, nothing connected, nobody managing; and adapters on them."""

    def __init__(self, directory: Path) -> None:
        seed(directory, vms={})
        self.directory = directory
        self.first, self.second = (
            SimulatorProcess(
                directory, speed=200_000, connected=False, options=("--host-id", str(number))
            )
            for number in (1, 2)
        )
        self._adapters: list[Vdsm] = []

    def adapter(self, *, maintenance: tuple[int, ...] = (), **settings: Any) -> Vdsm:
        hosts = [
            {
                "address": f"127.0.0.1:{one.port}",
                "host_id": number,
                "maintenance": number in maintenance,
            }
            for number, one in ((1, self.first), (2, self.second))
        ]
        pool = {"storage_pool": POOL, "storage_domain": DOMAIN, "hosts": hosts}
        made = Vdsm(VdsmSettings.model_validate({"pools": [pool], **settings}))
        self._adapters.append(made)
        return made

    def close(self) -> None:
        for adapter in self._adapters:
            adapter.close()
        for one in (self.first, self.second):
            one.kill()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    made = Hosts(tmp_path)
    yield made
    made.close()


def _image(hosts: Hosts, size: int = 1000) -> tuple[UUID, VolumeAddress]:
    name = f"vm-{uuid4()}"
    seeded = seed(hosts.directory, vms={name: (size,)})
    (image_id,) = seeded.images[name]
    address = VolumeAddress(
        storage_domain_id=DOMAIN, image_id=image_id, volume_id=seeded.volumes[image_id]
    )
    return image_id, address


def _run(vdsm: Vdsm, task: Any) -> TaskStatus:
    ref = ref_of(task)
    return until_ended(vdsm, known_as(ref, vdsm.start(ref, again=False))).status


def _spm(simulator: SimulatorProcess) -> str:
    return str(simulator.ask("StoragePool.getSpmStatus", storagepoolID=str(POOL))["spmStatus"])


def test_a_pool_that_nobody_manages_gets_its_first_host_as_manager(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    image_id, _ = _image(hosts)

    assert _run(vdsm, vdsm.storage().delete_image(image_id)) is TaskStatus.SUCCEEDED
    assert (_spm(hosts.first), _spm(hosts.second)) == ("SPM", "Free")


def test_a_manager_is_found_where_it_is(hosts: Hosts) -> None:
    hosts.adapter(maintenance=(1,)).storage().image_exists(uuid4())
    other = hosts.adapter(maintenance=(1,))
    list(other.discover(str(POOL)))  # has the second host manage

    vdsm = hosts.adapter()
    image_id, _ = _image(hosts)

    assert _run(vdsm, vdsm.storage().delete_image(image_id)) is TaskStatus.SUCCEEDED
    assert (_spm(hosts.first), _spm(hosts.second)) == ("Free", "SPM")


def test_a_manager_that_dies_is_followed_and_what_it_did_is_rolled_back(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    image_id, _ = _image(hosts, 12_000_000)
    ref = ref_of(vdsm.storage().delete_image(image_id, post_zero=True))
    ref = known_as(ref, vdsm.start(ref, again=False))

    hosts.first.kill()
    report = _until_ended(vdsm, ref)

    assert report.status is TaskStatus.FAILED
    assert report.detail["result"] == "cleanSuccess"
    assert _spm(hosts.second) == "SPM"


def test_a_manager_that_gives_up_its_role_is_told_to_take_it_again(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    image_id, _ = _image(hosts)
    list(vdsm.discover(str(POOL)))
    hosts.first.inject(Fault(verb="Host.getAllTasksStatuses", effect=Effect.FLIP_SPM, times=1))

    assert _run_patiently(vdsm, vdsm.storage().delete_image(image_id)) is TaskStatus.SUCCEEDED


def test_a_manager_in_maintenance_hands_over_once_nothing_runs(hosts: Hosts) -> None:
    before = hosts.adapter()
    image_id, _ = _image(hosts, 100_000)
    ref = ref_of(before.storage().delete_image(image_id, post_zero=True))
    ref = known_as(ref, before.start(ref, again=False))

    list(hosts.adapter(maintenance=(1,)).discover(str(POOL)))
    during = (_spm(hosts.first), _spm(hosts.second))
    until_ended(before, ref)
    list(hosts.adapter(maintenance=(1,)).discover(str(POOL)))

    assert during == ("SPM", "Free")
    assert (_spm(hosts.first), _spm(hosts.second)) == ("Free", "SPM")


def test_a_restarted_host_is_connected_to_its_pool_again(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    image_id, _ = _image(hosts)
    list(vdsm.discover(str(POOL)))

    hosts.first.kill()
    hosts.second.kill()
    hosts.first.start()
    hosts.second.start()

    assert _run_patiently(vdsm, vdsm.storage().delete_image(image_id)) is TaskStatus.SUCCEEDED


def test_jobs_go_on_while_nobody_manages_the_pool(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    image_id, _ = _image(hosts, 12_000_000)
    removal = ref_of(vdsm.storage().delete_image(image_id, post_zero=True))
    removal = known_as(removal, vdsm.start(removal, again=False))
    copy = _copy(hosts, vdsm, 200_000)
    refused = Fault(verb="Host.getAllTasksStatuses", effect=Effect.REFUSE, code=654)
    for one in (hosts.first, hosts.second):
        one.inject(refused)

    reports = {one.task_id: one for one in vdsm.poll(str(POOL), [removal, copy])}

    assert reports[copy.task_id].status is TaskStatus.RUNNING
    assert removal.task_id not in reports


def test_a_host_that_hangs_in_connect_delays_no_other(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    on_first, on_second = _one_copy_on_each(hosts, vdsm)
    with _black_hole(hosts.first) as away:
        begun = time.monotonic()
        reports = {one.task_id: one for one in vdsm.poll(str(POOL), [on_first, on_second])}
        again = time.monotonic()
        list(vdsm.poll(str(POOL), [on_first, on_second]))

        assert away.address is not None
        assert reports.keys() == {on_second.task_id}
        assert again - begun < 15.0
        assert time.monotonic() - again < 1.0, "a host that is known to be away is left alone"


def test_a_job_of_a_host_that_died_is_fenced_by_another(hosts: Hosts) -> None:
    vdsm = hosts.adapter(fence_after_s=0.5)
    on_first, _ = _one_copy_on_each(hosts, vdsm)

    hosts.first.kill()
    report = _until_ended(vdsm, on_first)

    assert report.status is TaskStatus.FAILED, "nobody asked for its end"
    assert "another took the volume" in str(report.message)
    written = VolumeAddress.model_validate(on_first.request["written"])
    assert vdsm.storage().volume(written).generation == on_first.request["fence"]


def test_a_lost_start_is_not_made_on_another_host(hosts: Hosts) -> None:
    vdsm = hosts.adapter(start_timeout_s=0.3)
    ref = _described_copy(hosts, vdsm, 200_000)
    for one in (hosts.first, hosts.second):
        one.inject(Fault(verb="SDM.copy_data", effect=Effect.LOSE_REPLY, times=1))

    with pytest.raises(UnreachableError):
        vdsm.start(ref, again=False)
    found = vdsm.start(ref, again=True)

    assert found.status is TaskStatus.RUNNING
    jobs = [one.ask("Host.getJobs") for one in (hosts.first, hosts.second)]
    assert sum(ref.task_id in one for one in jobs) == 1


def test_a_stopped_task_that_had_not_begun_is_stopped_not_failed(hosts: Hosts) -> None:
    vdsm = hosts.adapter()
    hosts.first.inject(Fault(verb="Image.delete", effect=Effect.SLOW_WORK, seconds=60))
    refs = []
    for _ in range(11):
        ref = ref_of(vdsm.storage().delete_image(_image(hosts)[0]))
        refs.append(replace(known_as(ref, vdsm.start(ref, again=False)), stop_requested=True))

    for ref in reversed(refs):
        vdsm.stop(ref)
        vdsm.stop(ref)

    reports = [until_ended(vdsm, one) for one in refs]
    assert {one.status for one in reports} == {TaskStatus.ABORTED}
    assert {one.detail["code"] for one in reports} == {0, 411}


def test_an_unknown_pool_says_which_there_are(hosts: Hosts) -> None:
    with pytest.raises(TryAgain, match=f"is not configured here, {POOL} is"):
        list(hosts.adapter().poll(str(uuid4()), []))


def _described_copy(hosts: Hosts, vdsm: Vdsm, size: int) -> AsyncTaskRef:
    _, source = _image(hosts, size)
    address = VolumeAddress(storage_domain_id=DOMAIN, image_id=uuid4(), volume_id=uuid4())
    storage = vdsm.storage()
    assert _run(vdsm, storage.create_volume(address, size_bytes=size)) is TaskStatus.SUCCEEDED
    return ref_of(storage.copy_data(source, storage.volume(address)))


def _copy(hosts: Hosts, vdsm: Vdsm, size: int) -> AsyncTaskRef:
    ref = _described_copy(hosts, vdsm, size)
    return known_as(ref, vdsm.start(ref, again=False))


def _one_copy_on_each(hosts: Hosts, vdsm: Vdsm) -> tuple[AsyncTaskRef, AsyncTaskRef]:
    found: dict[str, AsyncTaskRef] = {}
    while len(found) < 2:
        ref = _copy(hosts, vdsm, 2_000_000)
        found[str(ref.detail["host"])] = ref
    first, second = (found[f"127.0.0.1:{one.port}"] for one in (hosts.first, hosts.second))
    return first, second


def _until_ended(vdsm: Vdsm, ref: AsyncTaskRef) -> Any:
    """Polls as the engine does: what cannot be asked now is asked again, details are kept."""
    known = [ref]

    def last_report() -> Any:
        try:
            found = list(vdsm.poll(ref.scope, known))
        except TryAgain:
            return None
        for one in found:
            known[0] = known_as(known[0], one)
            if one.status.has_ended:
                return one
        return None

    return eventually(last_report)


def _run_patiently(vdsm: Vdsm, task: Any) -> TaskStatus:
    ref, tries = ref_of(task), [0]

    def started() -> Any:
        tries[0] += 1
        try:
            return vdsm.start(ref, again=tries[0] > 1)
        except TryAgain:
            return None

    first = eventually(started)
    if first.status.has_ended:
        return TaskStatus(first.status)
    return TaskStatus(_until_ended(vdsm, known_as(ref, first)).status)


class _black_hole:  # noqa: N801 - it is used as a function
    """Puts a full listening queue where a host was: who connects hears nothing at all."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._simulator = simulator
        self.address: tuple[str, int] | None = None

    def __enter__(self) -> _black_hole:
        self._simulator.kill()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self._simulator.port))
        self._listener.listen(0)
        self.address = self._listener.getsockname()
        self._waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.address)
            self._waiting.append(one)
        return self

    def __exit__(self, *problem: object) -> None:
        for one in (*self._waiting, self._listener):
            one.close()
