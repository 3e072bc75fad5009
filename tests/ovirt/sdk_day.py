"""What a vendor's program does with oVirt's own SDK. Run by an interpreter that has the SDK, one deed at a time.

python sdk_day.py DEED URL CA_FILE USER PASSWORD [WORD...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import ovirtsdk4 as sdk
from ovirtsdk4 import types

Deed = Callable[..., None]


def opened(url: str, ca_file: str, user: str, password: str, **more: Any) -> Any:
    """Gives a connection."""
    return sdk.Connection(url=url, username=user, password=password, ca_file=ca_file, **more)


def made(connection: Any, description: str, **more: Any) -> tuple[Any, Any]:
    """Gives a new job, and its service."""
    jobs = connection.system_service().jobs_service()
    job = jobs.add(types.Job(description=description, external=True, **more))
    return job, jobs.job_service(job.id)


def stepped(service: Any, description: str, **more: Any) -> tuple[Any, Any]:
    """Gives a new step, and its service."""
    steps = service.steps_service()
    step = steps.add(types.Step(description=description, type=types.StepEnum.EXECUTING, **more))
    return step, steps.step_service(step.id)


def statuses(service: Any) -> dict[str, str]:
    """Gives how each step of a job stands."""
    return {one.description: one.status.value for one in service.steps_service().list()}


def refused(act: Callable[[], object]) -> int:
    """Gives the code that the act is refused with."""
    try:
        act()
    except sdk.Error as error:
        return int(error.code or 0)
    raise AssertionError("it was not refused")


def a_job_is_made_nested_and_ended(connection: Any) -> None:
    assert connection.test(raise_exception=True)
    text = 'Klon <VM> & co "ž漢😀" ]]> ${action}'
    job, service = made(connection, text, auto_cleared=True)
    assert (job.description, job.status.value, job.external) == (text, "started", True)
    assert (job.auto_cleared, job.end_time) == (True, None)
    clone, clone_service = stepped(service, "clone", progress=40)
    copy, copy_service = stepped(service, "copy", parent_step=types.Step(id=clone.id))
    assert (clone.progress, clone.number, copy.parent_step.id) == (40, 0, clone.id)
    assert connection.follow_link(copy.job).id == job.id
    copy_service.end(succeeded=True)
    clone_service.end()
    assert statuses(service) == {"clone": "finished", "copy": "finished"}
    service.end(succeeded=True)
    ended = service.get(follow="steps")
    assert (ended.status.value, len(ended.steps)) == ("finished", 2)
    assert ended.end_time >= ended.start_time
    service.clear()


def a_failed_step_fails_the_job(connection: Any) -> None:
    _, service = made(connection, "fails")
    _, good = stepped(service, "good")
    good.end(succeeded=True)
    _, bad = stepped(service, "bad")
    stepped(service, "open")
    bad.end(succeeded=False)
    assert statuses(service) == {"good": "finished", "bad": "failed", "open": "failed"}
    assert service.get().status.value == "failed"
    assert refused(lambda: service.end(succeeded=True)) == 409
    service.end(succeeded=False)  # the same again
    assert refused(lambda: bad.end(succeeded=True)) == 409
    assert refused(lambda: stepped(service, "late")) == 409
    assert service.get().status.value == "failed"


def force_aborts_what_is_open(connection: Any) -> None:
    _, service = made(connection, "forced")
    _, done = stepped(service, "done")
    done.end()
    stepped(service, "left")
    service.end(succeeded=True, force=True)
    assert statuses(service) == {"done": "finished", "left": "aborted"}
    assert service.get().status.value == "finished"


def open_steps_end_as_the_job_does(connection: Any) -> None:
    _, service = made(connection, "ends")
    _, outer = stepped(service, "outer")
    stepped(service, "inner", parent_step=types.Step(id=outer._path.rpartition("/")[2]))
    service.clear()
    assert service.get().status.value == "started"
    service.end()
    assert statuses(service) == {"outer": "finished", "inner": "finished"}


def what_is_wrong_is_refused(connection: Any) -> None:
    jobs = connection.system_service().jobs_service()
    _, service = made(connection, "wrong")
    _, other = made(connection, "other")
    step, _ = stepped(other, "of the other")
    nothing = "11111111-1111-1111-1111-111111111111"
    assert refused(lambda: jobs.add(types.Job())) == 400
    assert refused(lambda: jobs.add(types.Job(description=" "))) == 400
    assert refused(lambda: jobs.list(search="status=started")) == 400
    for word in (nothing, "x", "-1", "a" * 300, "%00"):
        assert refused(jobs.job_service(word).get) == 404
        assert refused(jobs.job_service(word).end) == 404
        assert refused(jobs.job_service(word).clear) == 404
        assert refused(jobs.job_service(word).steps_service().list) == 404
    steps = service.steps_service()
    assert refused(steps.step_service(step.id).end) == 404
    assert refused(lambda: steps.add(types.Step(description="no type"))) == 400
    assert refused(lambda: stepped(service, "x", parent_step=types.Step(id=step.id))) == 400


def jobs_are_found(connection: Any) -> None:
    jobs = connection.system_service().jobs_service()
    first = jobs.add(types.Job(description="first"), query={"correlation_id": "Corr-1"})
    time.sleep(0.05)  # the worker behind the server turns the clock
    second = jobs.add(types.Job(description="second"), headers={"Correlation-Id": "corr-1"})
    assert [one.id for one in jobs.list(max=2)] == [second.id, first.id]
    assert [one.id for one in jobs.list(search="correlation_id=Corr-1")] == [first.id]
    both = jobs.list(search="correlation_id=CORR-1", case_sensitive=False, follow="steps", max=5)
    assert [one.id for one in both] == [second.id, first.id]
    assert jobs.list(search="correlation_id=nobody") == []
    users = connection.system_service().users_service()
    assert users.user_service(first.owner.id).get().user_name


def a_lost_login_is_renewed_and_nothing_is_done_twice(connection: Any) -> None:
    jobs = connection.system_service().jobs_service()
    job, service = made(connection, "before")
    connection._revoke_access_token()
    once = jobs.add(types.Job(description="once"))
    assert [one.description for one in jobs.list()].count("once") == 1
    connection._revoke_access_token()
    service.end()
    assert (service.get().status.value, once.status.value) == ("finished", "started")
    assert jobs.job_service(job.id).get().status.value == "finished"


def a_job_is_left_open(connection: Any) -> None:
    job, service = made(connection, "left open")
    step, _ = stepped(service, "left open, too")
    print(job.id, step.id)


def a_job_is_taken_up_again(connection: Any, job_id: str, step_id: str) -> None:
    service = connection.system_service().jobs_service().job_service(job_id)
    service.steps_service().step_service(step_id).end(succeeded=True)
    service.end(succeeded=True)
    assert service.get().status.value == "finished"


def many_jobs_are_done(connection: Any) -> None:
    ours = set()
    for number in range(5):
        job, service = made(connection, f"job {number}")
        ours.add(job.id)
        stepped(service, "only")[1].end()
        service.end()
    jobs = connection.system_service().jobs_service().list()
    assert {one.id for one in jobs} == ours
    assert {one.status.value for one in jobs} == {"finished"}


def a_wrong_password_is_refused(connection: Any) -> None:
    try:
        connection.test(raise_exception=True)
    except sdk.AuthError:
        return
    raise AssertionError("it was let in")


def main() -> None:
    """Does one deed."""
    name, url, ca_file, user, password, *words = sys.argv[1:]
    deed: Deed = globals()[name]
    connection = opened(url, ca_file, user, password)
    deed(connection, *words)
    if name != "a_wrong_password_is_refused":
        connection.close()


if __name__ == "__main__":
    main()
