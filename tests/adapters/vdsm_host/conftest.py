"""The hosts: the simulator, plainly and over mutual TLS, and the VDSM of the environment."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.vdsm.client import TlsFiles
from adapters.vdsm.simulator import seed
from tests.adapters.vdsm.simulator_process import SimulatorProcess
from tests.adapters.vdsm_host.foreign_client import ForeignClient
from tests.adapters.vdsm_host.target import NAME, Storage, Target, from_environment, is_given

SPEED = 1_000_000.0


HOSTS = ("simulator", "simulator over TLS", *(["given"] if is_given() else []))


@pytest.fixture(scope="session", params=HOSTS)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The host under test."""
    if request.param == "given":
        yield from_environment()
        return
    directory = tmp_path_factory.mktemp("vdsm-host")
    seed(directory, vms={"vm-of-the-suite": (4096,)})
    files = certificates(directory) if "TLS" in request.param else None
    options = () if files is None else tls_options(files)
    process = SimulatorProcess(directory, speed=SPEED, options=options)
    yield Target(host="127.0.0.1", port=process.port, tls=files)
    process.kill()


@pytest.fixture
def client(target: Target) -> Iterator[ForeignClient]:
    """A connection with the manners of VDSM's own client."""
    made = target.client()
    yield made
    made.close()


@pytest.fixture
def storage(target: Target, client: ForeignClient) -> Iterator[Storage]:
    """Lets a test make volumes; skips where it must not."""
    if not target.may_write:
        pytest.skip(f"it makes volumes; set {NAME}WRITES=1 to let it")
    made = Storage(target, client)
    yield made
    made.tidy_up()


def tls_options(files: TlsFiles) -> tuple[str, ...]:
    """Gives the simulator's arguments for mutual TLS."""
    named = {"ca": files.ca, "certificate": files.certificate, "key": files.key}
    return tuple(text for name, path in named.items() for text in (f"--tls-{name}", str(path)))


def certificates(directory: Path, name: str = "both") -> TlsFiles:
    """Makes a certificate that signs itself: authority, host and client in one."""
    made = TlsFiles(
        ca=directory / f"{name}.pem",
        certificate=directory / f"{name}.pem",
        key=directory / f"{name}.key",
    )
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed, so there is nothing to make certificates with")
    return made


@pytest.fixture
def untrusted(target: Target, tmp_path: Path) -> Target:
    """The host as seen by one whose authority and certificate are of another house."""
    if target.tls is None:
        pytest.skip("the host speaks plain TCP")
    return replace(target, tls=certificates(tmp_path, "another"))
