"""Conversions: VMs of other hypervisors, whose disks a host fetches and rewrites into our volumes (v2v).

Such a job takes our id, shows progress for one disk at a time, and can be aborted. It lives in the host's memory until
it is deleted there. No generation guards what it writes, so a host that is away is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import UnreachableError, VdsmError
from adapters.vdsm.host import Host
from adapters.vdsm.reports import report
from adapters.vdsm.settings import ExternalSource
from orchestrator import AsyncTaskRef, Refused, TaskReport, TaskStatus, TryAgain

CONVERT = "Host.convertExternalVm"
NO_SUCH_JOB, NOT_DONE, EXISTS, CANNOT_ABORT, NOT_ACTIVE = 66, 68, 69, 80, 84
_STATUSES = {
    "done": TaskStatus.SUCCEEDED,
    "error": TaskStatus.FAILED,
    "aborted": TaskStatus.ABORTED,
}


def start(
    calls: Calls, task: AsyncTaskRef, sources: Mapping[str, ExternalSource], *, again: bool
) -> TaskReport:
    """Starts a conversion on a host of the pool; with `again` one that runs already is found."""
    if again:
        for host in calls.pool.hosts:  # one that does not answer may have it: TryAgain
            if task.task_id in _listed(calls, host):
                return read(calls, task, host, _listed(calls, host))
    source = sources.get(str(task.request["source"]))
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        raise Refused(
            f"no source {task.request['source']!r} is configured ({known});"
            " add it to ORCHESTRATOR_VDSM_SOURCES"
        )
    host = _started(calls, task, source)
    return report(task, TaskStatus.RUNNING, external_id=task.task_id, detail={"host": host.address})


def poll(calls: Calls, address: str, tasks: list[AsyncTaskRef]) -> list[TaskReport]:
    """Reports on the conversions of one host by one question."""
    host = calls.pool.host(address)
    if host is None:
        raise TryAgain(f"host {address} is not of pool {calls.pool.id} any more; only it can tell")
    listed = _listed(calls, host)
    return [read(calls, one, host, listed) for one in tasks]


def read(calls: Calls, task: AsyncTaskRef, host: Host, listed: Mapping[str, Any]) -> TaskReport:
    """Judges a conversion by its host's list; the result is `{"ovf"}`, the description of the new VM."""
    found = listed.get(task.task_id)
    detail = {"host": host.address}
    if found is None:
        message = "the host was restarted and its conversion with it; the disks are half written"
        return report(
            task, TaskStatus.FAILED, external_id=task.task_id, message=message, detail=detail
        )
    status = _STATUSES.get(str(found["status"]), TaskStatus.RUNNING)
    result = None
    if status is TaskStatus.SUCCEEDED:
        result = {"ovf": _ask(calls, host, "Host.getConvertedVm", jobid=task.task_id)}
    progress = found.get("progress")
    return report(
        task,
        status,
        external_id=task.task_id,
        progress=None if progress is None else float(progress) / 100,
        message=str(found["description"]),
        result=result,
        detail=detail,
    )


def stop(calls: Calls, task: AsyncTaskRef) -> None:
    """Aborts a conversion; one that has ended or is unknown is fine."""
    _on_its_host(calls, task, "Host.abortV2VJob", fine=(NO_SUCH_JOB, NOT_ACTIVE, CANNOT_ABORT))


def clear(calls: Calls, task: AsyncTaskRef) -> None:
    """Has the host forget a conversion that has ended."""
    try:
        _on_its_host(calls, task, "Host.deleteV2VJob", fine=(NO_SUCH_JOB,))
    except VdsmError as error:
        if error.code == NOT_DONE:
            raise TryAgain(f"conversion {task.task_id} has not ended yet") from error
        raise


def _started(calls: Calls, task: AsyncTaskRef, source: ExternalSource) -> Host:
    params = {
        "uri": source.uri,
        "username": source.username,
        "password": source.password.get_secret_value(),
        "vminfo": {**task.request["vminfo"], "poolID": calls.pool.id},
        "jobid": task.task_id,
    }
    problem: UnreachableError | None = None
    for host in calls.pool.workers():
        try:
            calls.on(host, CONVERT, calls.pool.times.start_timeout_s, params)
        except UnreachableError as error:
            if error.was_sent:
                raise  # it may run there: only that host can tell
            problem = error
        except VdsmError as error:
            if error.code != EXISTS:
                raise
            return host
        else:
            return host
    raise problem or TryAgain(f"no host of pool {calls.pool.id} can convert now")


def _listed(calls: Calls, host: Host) -> dict[str, Any]:
    found: dict[str, Any] = _ask(calls, host, "Host.getStats").get("v2vJobs") or {}
    return found


def _on_its_host(calls: Calls, task: AsyncTaskRef, method: str, *, fine: tuple[int, ...]) -> None:
    host = calls.pool.host(str(task.detail.get("host")))
    if host is None:
        return
    try:
        _ask(calls, host, method, jobid=task.task_id)
    except VdsmError as error:
        if error.code not in fine:
            raise


def _ask(calls: Calls, host: Host, method: str, **params: Any) -> Any:
    return calls.on(host, method, calls.pool.times.poll_timeout_s, params)
