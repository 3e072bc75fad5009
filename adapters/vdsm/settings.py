"""Where VDSM's pools and hosts are, and how long to wait for them: `ORCHESTRATOR_VDSM_*`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.vdsm.client import TlsFiles

POOL = UUID("11111111-0000-4000-8000-000000000001")
DOMAIN = UUID("22222222-0000-4000-8000-000000000001")
"""The pool and the storage domain that the simulator seeds when it is not told otherwise."""


def _checked_address(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"expected address to be host:port, got {address!r}")
    return address


Address = Annotated[str, AfterValidator(_checked_address)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class TlsSettings(BaseModel):
    """The three PEM files of mutual TLS; all of them, or none for plain TCP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _are_together(self) -> TlsSettings:
        given = [one is not None for one in (self.tls_ca, self.tls_certificate, self.tls_key)]
        if any(given) and not all(given):
            raise ValueError(
                "expected tls_ca, tls_certificate and tls_key together, or none of them"
            )
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """The files for mutual TLS, or None for plain TCP."""
        if self.tls_ca is None or self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(ca=self.tls_ca, certificate=self.tls_certificate, key=self.tls_key)


class HostSettings(TlsSettings):
    """One host of a pool. `host_id` is its number in the pool; in maintenance it gets no new work."""

    address: Address
    host_id: int = Field(default=1, ge=1, le=2000)
    maintenance: bool = False

    @property
    def host(self) -> str:
        """The host part of the address; brackets of an IPv6 address are taken off."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of the address."""
        return int(self.address.rpartition(":")[2])


class StorageServer(BaseModel):
    """A connection that a host must have before it can connect to the pool.

    `domain_type` is VDSM's number for it (1 NFS, 4 local, 6 POSIX, 3 iSCSI), `parameters` its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain_type: int = Field(ge=0, le=10)
    parameters: tuple[dict[str, Any], ...]


class PoolSettings(BaseModel):
    """One storage pool: its hosts, in the order in which they are asked to manage it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage_pool: UUID
    storage_domain: UUID
    """The domain that is meant where a command names none."""
    master_domain: UUID | None = None
    master_version: int = Field(default=1, ge=0)
    storage_servers: tuple[StorageServer, ...] = ()
    hosts: tuple[HostSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hosts_differ(self) -> PoolSettings:
        for name in ("address", "host_id"):
            values = [getattr(one, name) for one in self.hosts]
            if len(set(values)) < len(values):
                raise ValueError(f"two hosts of pool {self.storage_pool} have the same {name}")
        return self

    @property
    def master(self) -> UUID:
        """The domain that holds the pool's own data."""
        return self.master_domain or self.storage_domain


class ExternalSource(BaseModel):
    """Another hypervisor that VMs are imported from: its libvirt address, and who we are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    username: str = ""
    password: SecretStr = SecretStr("")


class VdsmSettings(BaseSettings):
    """Settings of the VDSM adapter. Times are seconds, an address is host:port.

    One pool of one host is given by `address`, `storage_pool`, `storage_domain` and `tls_*`; any number of
    both by `pools`, a list of `PoolSettings` as JSON.
    """

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_VDSM_", frozen=True)

    address: Address = "127.0.0.1:54321"
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    storage_pool: UUID = POOL
    storage_domain: UUID = DOMAIN
    pools: tuple[PoolSettings, ...] = ()
    connect_timeout_s: Seconds = 10.0
    start_timeout_s: Seconds = 200.0
    """A start waits inside VDSM for the image's lock, up to 120 s; a reply given up too early
    leaves a task that nobody knows."""
    call_timeout_s: Seconds = 60.0
    poll_timeout_s: Seconds = 30.0
    fence_after_s: Seconds = 120.0
    """How long a host must have been away before another one takes from it the right to write."""
    sources: dict[str, ExternalSource] = {}
    """Other hypervisors by the names that imports call them by; so no command holds a password."""
    outbox: Path | None = None
    """The directory that holds the owners' mailboxes; without it nobody can be notified."""

    @model_validator(mode="after")
    def _is_sound(self) -> VdsmSettings:
        self.all_pools()  # which says what is wrong with the one that is given in short
        ids = [one.storage_pool for one in self.pools]
        if len(set(ids)) < len(ids):
            raise ValueError("two of the pools have the same storage_pool")
        return self

    def all_pools(self) -> tuple[PoolSettings, ...]:
        """Gives the pools that are listed, or the one that is given in short."""
        if self.pools:
            return self.pools
        host = HostSettings(
            address=self.address,
            tls_ca=self.tls_ca,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
        )
        return (
            PoolSettings(
                storage_pool=self.storage_pool, storage_domain=self.storage_domain, hosts=(host,)
            ),
        )
