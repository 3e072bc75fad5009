"""A wrong authority or certificate: it is told with the host's name and what to do, and the command waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.vdsm import Vdsm, VdsmSettings, VolumeAddress
from adapters.vdsm.commands import RemoveImage
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import Effect, Fault, seed
from orchestrator import TaskStatus
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.contract import eventually, known_as, ref_of, until_ended
from tests.adapters.vdsm.simulator_process import SimulatorProcess
from tests.adapters.vdsm_host.conftest import certificates, tls_options


@dataclass
class House:
    """A host with TLS, and the files by which we know it: right ones, or those of another house."""

    host: SimulatorProcess
    directory: Path

    def take(self, name: str) -> None:
        """Puts the files of that name where the settings look for them."""
        for kind in ("pem", "key"):
            copyfile(self.directory / f"{name}.{kind}", self.directory / f"ours.{kind}")

    def adapter(self, **settings: Any) -> Vdsm:
        pem, key = self.directory / "ours.pem", self.directory / "ours.key"
        address = f"127.0.0.1:{self.host.port}"
        tls: dict[str, Any] = {"tls_ca": pem, "tls_certificate": pem, "tls_key": key}
        return Vdsm(VdsmSettings(address=address, **tls, **settings))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    files = certificates(tmp_path, "right")
    certificates(tmp_path, "wrong")
    data = tmp_path / "data"
    seed(data, vms={})
    process = SimulatorProcess(data, options=tls_options(files))
    yield House(process, tmp_path)
    process.kill()


def _image(house: House) -> UUID:
    name = f"vm-{uuid4()}"
    return seed(house.host.directory, vms={name: (2000,)}).images[name][0]


def test_a_command_waits_and_says_what_to_check_and_goes_on_when_that_is_mended(
    house: House,
) -> None:
    house.take("wrong")
    image_id = _image(house)
    vdsm = house.adapter()
    stage = Stage([RemoveImage], (vdsm,))

    command_id = stage.submit(RemoveImage(image_id=image_id))
    stage.play()
    stage.turn(timedelta(seconds=30))
    waiting = stage.orchestrator.get(command_id)
    house.take("right")
    mended = Stage([RemoveImage], (house.adapter(),), store=stage.store)

    assert not waiting.status.is_final
    assert f"127.0.0.1:{house.host.port} and we do not trust each other" in str(waiting.message)
    assert "check the authority, the certificate and the key" in str(waiting.message)
    mended.clock.turn(timedelta(minutes=5) + (stage.clock.now() - mended.clock.now()))

    def goes_on() -> bool:
        time.sleep(0.02)
        mended.turn(timedelta(seconds=10))
        return mended.orchestrator.get(command_id).status is Status.SUCCEEDED

    eventually(goes_on)
    vdsm.close()


def test_a_task_under_way_says_that_its_host_is_not_trusted_any_more(house: House) -> None:
    house.take("right")
    before = house.adapter()
    ref = ref_of(before.storage().delete_image(_image(house)))
    ref = known_as(ref, before.start(ref, again=False))
    before.close()
    house.take("wrong")
    vdsm = house.adapter()

    (report,) = vdsm.poll(ref.scope, [ref])

    assert report.status is TaskStatus.RUNNING
    assert "do not trust each other" in str(report.message)
    house.take("right")
    assert until_ended(house.adapter(), ref).status is TaskStatus.SUCCEEDED


def test_a_host_that_does_not_trust_us_is_not_away_and_is_not_fenced(house: House) -> None:
    house.take("right")
    before = house.adapter()
    image_id = _image(house)
    volume_id = UUID(
        before._pools[str(POOL)]
        .hosts[0]
        .call(
            "Image.getVolumes",
            timeout_s=10,
            storagepoolID=str(POOL),
            storagedomainID=str(DOMAIN),
            imageID=str(image_id),
        )[0]
    )
    source = VolumeAddress(storage_domain_id=DOMAIN, image_id=image_id, volume_id=volume_id)
    target = source.model_copy(update={"image_id": uuid4(), "volume_id": uuid4()})
    made = ref_of(before.storage().create_volume(target, size_bytes=2000))
    until_ended(before, known_as(made, before.start(made, again=False)))
    house.host.inject(Fault(verb="SDM.copy_data", effect=Effect.SLOW_WORK, seconds=60))
    ref = ref_of(before.storage().copy_data(source, before.storage().volume(target)))
    ref = known_as(ref, before.start(ref, again=False))
    house.take("wrong")
    vdsm = house.adapter(fence_after_s=0.01)

    for _ in range(3):
        time.sleep(0.05)
        (report,) = vdsm.poll(ref.scope, [ref])
        assert report.status is TaskStatus.RUNNING
        assert "do not trust" in str(report.message)

    assert house.host.count("SDM.update_volume") == 0


def test_an_examination_names_the_host_and_the_files_to_check(house: House) -> None:
    house.take("wrong")
    vdsm = house.adapter()

    (trouble,) = vdsm.examine([])
    house.take("right")

    assert (trouble.scope, trouble.place) == (str(POOL), f"127.0.0.1:{house.host.port}")
    assert "do not trust each other" in trouble.problem
    assert f"check {house.directory / 'ours.pem'} (whom we trust)" in trouble.advice
    assert list(house.adapter().examine([])) == []


def test_files_that_cannot_be_read_are_named(house: House) -> None:
    vdsm = house.adapter()  # which were never put there

    (trouble,) = vdsm.examine([])

    assert "the TLS files for VDSM" in trouble.problem
    assert "cannot be read" in trouble.problem


def test_a_host_that_is_merely_away_matters_only_where_tasks_are_open(house: House) -> None:
    house.take("right")
    house.host.kill()
    vdsm = house.adapter()

    assert list(vdsm.examine([])) == []
    (trouble,) = vdsm.examine([str(POOL)])
    assert "no connection" in trouble.problem
    house.host.start()
