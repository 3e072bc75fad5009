"""One storage pool: its hosts, which of them manages it (the SPM), and who is to manage it next.

Who manages is found by asking, and followed when it moves. Where no host does, the first one in the list of
hosts that answers and is not in maintenance is told to. Two of our processes may do so at once: the pool's
own lease lets one host have it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog

from adapters.vdsm.client import (
    NOT_CONNECTED,
    RoleError,
    UnreachableError,
    UntrustedError,
    VdsmError,
)
from adapters.vdsm.connection import OnEvent
from adapters.vdsm.host import Host
from adapters.vdsm.reports import storage_task_status
from adapters.vdsm.settings import PoolSettings, VdsmSettings
from orchestrator import Refused, TaskStatus, TryAgain

log = structlog.get_logger(__name__)

MANAGER, NOBODY = "SPM", -1
LOOK_EVERY_S = 2.0  # how often at most the manager is looked for in vain
_SOON = timedelta(seconds=2)


class Pool:
    """A pool as one process sees it."""

    def __init__(self, settings: PoolSettings, times: VdsmSettings, on_event: OnEvent) -> None:
        self.settings = settings
        self.id = str(settings.storage_pool)
        self.times = times
        self.hosts = tuple(Host(one, settings, times, on_event) for one in settings.hosts)
        self._manager: Host | None = None
        self._looking = threading.Lock()
        self._look_again_at = 0.0
        self._problem: TryAgain | None = None

    def host(self, address: str) -> Host | None:
        """Gives the host with that address; None when it is not of this pool any more."""
        return next((one for one in self.hosts if one.address == address), None)

    def workers(self) -> tuple[Host, ...]:
        """Gives the hosts that may get new work, those that answered last first."""
        able = [one for one in self.hosts if not one.is_in_maintenance]
        if not able:
            raise TryAgain(f"all hosts of pool {self.id} are in maintenance", after=_SOON)
        return tuple(sorted(able, key=Host.away_for_s))

    @contextmanager
    def manager(self) -> Iterator[Host]:
        """Gives the host that manages the pool; one that says that it does not is looked for anew."""
        host = self._manager or self._find()
        try:
            yield host
        except RoleError:
            self._manager = None
            raise
        except UnreachableError as problem:
            if not problem.was_sent:
                self._manager = None
            raise

    def connected(self, host: Host, call: Callable[[], Any]) -> Any:
        """Makes a call that needs the host to be connected to the pool, and connects it if it is not."""
        try:
            return call()
        except RoleError as problem:
            if problem.code != NOT_CONNECTED:
                raise
        log.info("vdsm_host_connects", host=host.address, pool=self.id)
        try:
            host.connect_pool()
        except Refused as problem:
            # It speaks of the host's storage or of our settings, not of what is to be done there.
            raise TryAgain(
                f"host {host.address} cannot connect to pool {self.id}: {problem}",
                after=timedelta(seconds=10),
            ) from problem
        return call()

    def close(self) -> None:
        """Closes all connections."""
        for one in self.hosts:
            one.close()

    def _find(self) -> Host:
        with self._looking:
            if self._manager is not None:
                return self._manager
            if self._problem is not None and time.monotonic() < self._look_again_at:
                raise self._problem
            try:
                self._manager = self._look()
            except TryAgain as problem:
                self._look_again_at = time.monotonic() + LOOK_EVERY_S
                self._problem = problem
                raise
            return self._manager

    def _look(self) -> Host:
        """Asks every host; starts the manager where there is none, hands over where it is to leave."""
        answers: dict[Host, dict[str, Any]] = {}
        problems: list[str] = []
        untrusted: list[Host] = []
        for host in self.hosts:
            try:
                answers[host] = self._spm_status(host)
            except (TryAgain, Refused) as problem:
                problems.append(str(problem))
                if isinstance(problem, UntrustedError):
                    untrusted.append(host)
        managing = next((one for one, it in answers.items() if it["spmStatus"] == MANAGER), None)
        if managing is not None:
            return self._handed_over(managing, answers)
        if problems and len(untrusted) == len(self.hosts):
            raise UntrustedError("; ".join(problems), was_sent=False)
        if not answers:
            raise TryAgain(f"no host of pool {self.id} answers: {'; '.join(problems)}", after=_SOON)
        owners = {int(it["spmId"]) for it in answers.values()} - {NOBODY}
        if owners:
            raise TryAgain(
                f"pool {self.id} is managed by host {min(owners)}, which does not answer:"
                f" {'; '.join(problems) or 'it is not among the hosts of the settings'}",
                after=timedelta(seconds=5),
            )
        return self._start(answers)

    def _spm_status(self, host: Host) -> dict[str, Any]:
        found: dict[str, Any] = self.connected(
            host,
            lambda: host.call(
                "StoragePool.getSpmStatus",
                timeout_s=self.times.poll_timeout_s,
                storagepoolID=self.id,
            ),
        )
        return found

    def _start(self, answers: dict[Host, dict[str, Any]]) -> Host:
        able = [one for one in answers if not one.is_in_maintenance]
        if not able:
            raise TryAgain(
                f"no host of pool {self.id} that answers may manage it: all are in maintenance",
                after=timedelta(seconds=10),
            )
        host, found = able[0], answers[able[0]]
        log.info("vdsm_manager_starts", host=host.address, pool=self.id)
        try:
            task_id = host.call(
                "StoragePool.spmStart",
                timeout_s=self.times.start_timeout_s,
                storagepoolID=self.id,
                prevID=int(found["spmId"]),
                prevLver=str(found["spmLver"]),
                enableScsiFencing="false",
            )
            self._await_start(host, str(task_id))
        except VdsmError as error:
            raise TryAgain(
                f"host {host.address} cannot manage pool {self.id}: {error}",
                after=timedelta(seconds=10),
            ) from error
        return host

    def _await_start(self, host: Host, task_id: str) -> None:
        """Waits for the start, which takes a moment, or as long as an older lease is valid."""
        deadline = time.monotonic() + self.times.poll_timeout_s
        while True:
            status = host.call(
                "Task.getStatus", timeout_s=self.times.poll_timeout_s, taskID=task_id
            )
            judged = storage_task_status(status)
            if judged.has_ended:
                break
            if time.monotonic() > deadline:
                raise TryAgain(
                    f"host {host.address} is still starting to manage pool {self.id}", after=_SOON
                )
            time.sleep(0.1)
        host.call("Task.clear", timeout_s=self.times.call_timeout_s, taskID=task_id)
        if judged is not TaskStatus.SUCCEEDED:
            raise TryAgain(
                f"host {host.address} could not begin to manage pool {self.id}:"
                f" {status['message']}",
                after=timedelta(seconds=10),
            )

    def _handed_over(self, managing: Host, answers: dict[Host, dict[str, Any]]) -> Host:
        """Gives the manager, which is another one when the host is in maintenance and nothing runs there."""
        others = {one: it for one, it in answers.items() if not one.is_in_maintenance}
        if not managing.is_in_maintenance or not others:
            return managing
        listed = managing.call("Host.getAllTasksStatuses", timeout_s=self.times.poll_timeout_s)
        if any(not storage_task_status(one).has_ended for one in listed.values()):
            return managing
        log.info("vdsm_manager_hands_over", host=managing.address, pool=self.id)
        managing.call(
            "StoragePool.spmStop", timeout_s=self.times.start_timeout_s, storagepoolID=self.id
        )
        return self._start(
            {one: {"spmId": NOBODY, "spmLver": it["spmLver"]} for one, it in others.items()}
        )
