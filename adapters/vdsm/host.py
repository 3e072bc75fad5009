"""One host of a pool: how it is called, and what is known of its condition."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from adapters.vdsm.client import UnreachableError, UntrustedError, VdsmClient
from adapters.vdsm.connection import OnEvent
from adapters.vdsm.settings import HostSettings, PoolSettings, VdsmSettings
from orchestrator import TryAgain

REST_LEAST_S, REST_MOST_S = 1.0, 30.0


class Host:
    """A host that is called by many threads. One that does not answer is left alone for a while.

    So a host that is gone costs each of them nothing, and no other host is waited for.
    """

    def __init__(
        self, settings: HostSettings, pool: PoolSettings, times: VdsmSettings, on_event: OnEvent
    ) -> None:
        self.settings = settings
        self.address = settings.address
        self.is_in_maintenance = settings.maintenance
        self._pool = pool
        self._times = times
        self._client = VdsmClient(
            settings.host,
            settings.port,
            tls=settings.tls,
            connect_timeout_s=times.connect_timeout_s,
            on_event=on_event,
        )
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until = 0.0
        self._away_since: float | None = None
        self._problem: UnreachableError | None = None

    def call(
        self, method: str, *, timeout_s: float, correlation_id: str | None = None, **params: Any
    ) -> Any:
        """Calls a verb of this host; raises as `VdsmClient.call`."""
        left = self._rests_until - time.monotonic()
        if left > 0 and self._problem is not None:
            raise type(self._problem)(str(self._problem), was_sent=False)
        try:
            result = self._client.call(
                method, timeout_s=timeout_s, correlation_id=correlation_id, **params
            )
        except UnreachableError as problem:
            if not problem.was_sent:
                self._note_away(problem)
            raise
        except BaseException:
            self._note_answer()
            raise
        self._note_answer()
        return result

    def away_for_s(self) -> float:
        """Gives for how many seconds nothing could be sent to it; 0 when it answered last.

        One that does not trust us is not away: it is there, and may be at work.
        """
        since = self._away_since
        return 0.0 if since is None else time.monotonic() - since

    def connect_pool(self) -> None:
        """Connects the host to its storage and to the pool, as after its restart."""
        pool = self._pool
        for server in pool.storage_servers:
            states = self.call(
                "StoragePool.connectStorageServer",
                timeout_s=self._times.start_timeout_s,
                storagepoolID=str(pool.storage_pool),
                domainType=server.domain_type,
                connectionParams=list(server.parameters),
            )
            failed = [one for one in states if one["status"]]
            if failed:
                raise TryAgain(
                    f"host {self.address} cannot connect to its storage: {failed}",
                    after=timedelta(seconds=10),
                )
        self.call(
            "StoragePool.connect",
            timeout_s=self._times.start_timeout_s,
            storagepoolID=str(pool.storage_pool),
            hostID=self.settings.host_id,
            scsiKey=str(pool.storage_pool),
            masterSdUUID=str(pool.master),
            masterVersion=pool.master_version,
        )

    def close(self) -> None:
        """Closes the connection; the host can still be called."""
        self._client.close()

    def _note_away(self, problem: UnreachableError) -> None:
        with self._lock:
            now = time.monotonic()
            is_there = isinstance(problem, UntrustedError)
            self._away_since = None if is_there else self._away_since or now
            rest_s = min(REST_LEAST_S * 2 ** min(self._failures, 8), REST_MOST_S)
            self._failures += 1
            self._rests_until = now + rest_s
            self._problem = problem

    def _note_answer(self) -> None:
        if self._problem is not None:
            with self._lock:
                self._failures, self._rests_until, self._away_since = 0, 0.0, None
                self._problem = None
