"""Jobs: a vendor's own root tasks, made, read, ended and cleared as oVirt's clients do."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.api.ovirt.ask import Answer, Ask
from orchestrator.api.ovirt.views import ASKED, is_external, job_view, steps_view, user_id
from orchestrator.api.ovirt.wire import flag_in, number_in, text_in
from orchestrator.api.vendor_bodies import Registration
from orchestrator.api.vendors import Vendors
from orchestrator.core.access import VENDOR_OWNED, Permission
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.external import EXTERNAL_KIND
from orchestrator.core.query import CommandQuery

MOST_JOBS = 1000
PAGE = 500
SEARCH = re.compile(r"correlation_id\s*=\s*(\"[^\"]*\"|\S+)", re.IGNORECASE)
ROUNDS = 3


def show_api(ask: Ask) -> Answer:
    """Gives the entry point: what this server is, and where the jobs are."""
    href = f"{ask.prefix}/jobs"
    version = {"build": "0", "full_version": "4.5.0", "major": "4", "minor": "5", "revision": "0"}
    links = [
        {"href": href, "rel": "jobs"},
        {"href": f"{href}?search={{query}}", "rel": "jobs/search"},
    ]
    product = {"name": "Orchestrator", "vendor": "Orchestrator", "version": version}
    return Answer("api", {"link": links, "product_info": product})


def list_jobs(ask: Ask) -> Answer:
    """Lists jobs, newest first.

    A search by correlation id finds commands of the engine as well. Without one only vendors' jobs are shown: clients
    that look for theirs by its description must not take ours for it.
    """
    most = number_in(ask.request.query_params, "max", 10**9)
    most = MOST_JOBS if most is None else min(most, MOST_JOBS)
    correlation_id = _searched(ask.query("search") or "")
    vendor = ask.caller.vendor
    query = CommandQuery(
        kind=None if correlation_id else EXTERNAL_KIND,
        owner=vendor,
        owner_type=None if vendor is None else VENDOR_OWNED,
        correlation_id=correlation_id,
        any_case=not flag_in(ask.request.query_params, "case_sensitive", default=True),
    )
    found = _found(ask, query, most)
    tasks = ask.tasks(found)
    jobs = [job_view(one, tasks.get(one.command_id), ask.prefix) for one in found]
    if ask.follows("steps"):
        for one, job in zip(found, jobs, strict=True):
            _add_steps(ask, ask.desk.orchestrator.store.tree(one.command_id), job)
    return Answer("jobs", {"job": jobs})


def show_job(ask: Ask) -> Answer:
    """Shows a job."""
    return Answer("job", _shown(ask, ask.tree()))


def add_job(ask: Ask) -> Answer:
    """Makes a job: a task of the caller's vendor that is a command of its own."""
    asked = ask.thing("job")
    description = text_in(asked, "description")
    if description is None:
        raise BadInputError("Job [description] required for add")
    body = Registration(
        description=description,
        vendor=None if ask.caller.vendor else ask.caller.name,
        data={ASKED: {"auto_cleared": flag_in(asked, "auto_cleared", default=False)}},
        correlation_id=ask.correlation_id,
    )
    made = Vendors(ask.desk).register(ask.caller, body)
    tree = ask.begun(ask.desk.orchestrator.store.tree(made.id))
    ask.desk.orchestrator.report_external(ask.report(tree[:1], TaskStatus.RUNNING))
    job = _shown(ask, ask.desk.orchestrator.store.tree(made.id))
    return Answer("job", job, 201, {"Location": _absolute(ask, job["href"])})


def end_job(ask: Ask) -> Answer:
    """Ends a job with all its open steps: they end as the job does, or aborted when forced.

    The same end again is taken; another is a conflict.
    """
    asked = ask.thing("action")
    succeeded = flag_in(asked, "succeeded", default=True)
    force = flag_in(asked, "force", default=False)
    tree = ask.tree()
    ask.check_reports_on(tree[0])
    status = TaskStatus.SUCCEEDED if succeeded else TaskStatus.FAILED
    end_all(ask, tree, status, TaskStatus.ABORTED if force else status)
    return done(ask, "job", tree[0].command_id)


def clear_job(ask: Ask) -> Answer:
    """Takes note that nobody needs the job any more; how long it is kept is the installation's to say."""
    tree = ask.tree()
    ask.check_reports_on(tree[0])
    return done(ask, "job", tree[0].command_id)


def show_user(ask: Ask) -> Answer:
    """Shows the owner of a job: the caller's own, and all of them to who sees all."""
    wanted = str(ask.request.path_params["user_id"])
    names = {ask.caller.name, ask.caller.owner[0]}
    if Permission.READ in ask.caller.permissions:
        names |= {name for one in ask.desk.tokens.list() for name in (one.name, one.vendor or "")}
    for name in names:
        if name and user_id(name) == wanted:
            shown = {"href": f"{ask.prefix}/users/{wanted}", "id": wanted}
            return Answer("user", {**shown, "name": name, "user_name": name, "principal": name})
    raise NotFoundError(f"there is no user {wanted[:36]}")


def end_all(
    ask: Ask,
    tree: list[CommandEntity],
    status: TaskStatus,
    steps_status: TaskStatus,
    *,
    failed: CommandEntity | None = None,
) -> None:
    """Ends a job and its open steps in one transaction: for its own sake, or because a step `failed`.

    Raises ConflictError when the job, or that step, ended otherwise; then none of them is touched.
    """
    message = None if failed is None else f"the step failed: {failed.label}"
    for _ in range(ROUNDS):  # a step may have been added meanwhile
        tree = ask.begun(tree)
        decides = failed or tree[0]
        (deciding,) = ask.report([decides], status)
        others = [
            one
            for one in reversed(tree[1:])
            if is_open_step(ask, one) and one.command_id != decides.command_id
        ]
        above = ask.report(tree[:1], status, message=message) if failed is not None else []
        reports = [*ask.report(others, steps_status, message=message), deciding, *above]
        answers = ask.desk.orchestrator.report_external(reports, deciding=deciding)
        answer = answers[reports.index(deciding)]
        if answer.refused is not None:
            raise ConflictError(answer.refused)
        tree = ask.desk.orchestrator.store.tree(tree[0].command_id)
        if answer.task is None:
            check_has_ended(ask, decides, status)
        failed = None  # that is told
        if not any(is_open_step(ask, one) for one in tree[1:]):
            return


def is_open_step(ask: Ask, command: CommandEntity) -> bool:
    """Tells whether a step of the caller's may still be told something."""
    is_ours = ask.caller.vendor in (None, command.owner_id)
    return is_external(command) and is_ours and not command.status.is_final


def check_has_ended(ask: Ask, command: CommandEntity, status: TaskStatus) -> None:
    """Raises ConflictError unless the task, which takes no reports, has ended just so."""
    task = ask.tasks([command]).get(command.command_id)
    if task is None or task.status is not status:
        how = command.status if task is None else task.status
        raise ConflictError(f"{command.label} ({command.command_id}) is {how}; it cannot be ended")


def done(ask: Ask, name: str, thing_id: str) -> Answer:
    """Gives the answer to an action that was carried out."""
    href = ask.request.url.path.rpartition("/")[0]
    return Answer("action", {name: {"href": href, "id": thing_id}, "status": "complete"})


def _shown(ask: Ask, tree: list[CommandEntity]) -> dict[str, Any]:
    (root,) = ask.dimmed(tree[:1])
    job = job_view(root, ask.tasks(tree[:1]).get(root.command_id), ask.prefix)
    if ask.follows("steps"):
        _add_steps(ask, tree, job)
    return job


def _add_steps(ask: Ask, tree: list[CommandEntity], job: dict[str, Any]) -> None:
    seen = ask.dimmed(tree)
    job["steps"] = {"step": steps_view(seen, ask.tasks(seen[1:]), ask.prefix)}


def _found(ask: Ask, query: CommandQuery, most: int) -> list[CommandEntity]:
    """Reads page after page: clients that look for theirs by its description want them all."""
    found: list[CommandEntity] = []
    cursor: str | None = None
    while len(found) < most:
        size = min(PAGE, most - len(found))
        asked = CommandQuery(
            kind=query.kind,
            owner=query.owner,
            owner_type=query.owner_type,
            correlation_id=query.correlation_id,
            any_case=query.any_case,
            limit=size,
            cursor=cursor,
        )
        page = ask.desk.orchestrator.commands(asked)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    return found


def _searched(text: str) -> str | None:
    """Reads a search. Raises BadInputError for anything but a correlation id."""
    if not text.strip():
        return None
    found = SEARCH.fullmatch(text.strip())
    if found is None:
        raise BadInputError(f"search: only correlation_id=TEXT is known, got {text[:100]!r}")
    return found.group(1).strip('"')


def _absolute(ask: Ask, href: str) -> str:
    return f"{str(ask.request.base_url).rstrip('/')}{href}"
