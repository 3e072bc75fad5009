"""Steps: tasks of a vendor below a job, or below one another."""

from __future__ import annotations

from orchestrator.api.described import KEY_HEADER
from orchestrator.api.ovirt.ask import Answer, Ask
from orchestrator.api.ovirt.jobs import check_has_ended, done, end_all
from orchestrator.api.ovirt.views import ASKED, STEP_TYPES, steps_view
from orchestrator.api.ovirt.wire import Thing, flag_in, number_in, text_in
from orchestrator.api.vendor_bodies import Registration
from orchestrator.api.vendors import Vendors
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, ConflictError


def list_steps(ask: Ask) -> Answer:
    """Lists all steps of a job, nested ones included, as one flat list."""
    seen = ask.dimmed(ask.tree())
    return Answer("steps", {"step": steps_view(seen, ask.tasks(seen[1:]), ask.prefix)})


def show_step(ask: Ask) -> Answer:
    """Shows a step."""
    ask.step_of(ask.tree())
    return _shown(ask, str(ask.request.path_params["step_id"]))


def add_step(ask: Ask) -> Answer:
    """Adds a step to a job, or below another of its steps."""
    asked = ask.thing("step")
    description, kind = text_in(asked, "description"), text_in(asked, "type")
    missing = [name for name, one in (("type", kind), ("description", description)) if one is None]
    if missing:
        raise BadInputError(f"Step [{', '.join(missing)}] required for add")
    if kind not in STEP_TYPES:
        raise BadInputError(
            f"type: expected one of {', '.join(STEP_TYPES)}, got {str(kind)[:50]!r}"
        )
    progress = number_in(asked, "progress", 100)
    if progress is not None and ask.desk.single is not None:
        raise BadInputError(
            f"progress: a step that is added with an {KEY_HEADER} has not begun when it is answered;"
            " update it afterwards"
        )
    tree = ask.tree()
    body = Registration(
        description=description or "",
        vendor=None if ask.caller.vendor else tree[0].owner_id,
        parent=_parent_of(ask, asked, {one.command_id for one in tree[1:]}),
        data={ASKED: {"type": kind}},
        best_effort=True,  # a step that is ended as failed fails its job by itself; an aborted one does not
    )
    made = Vendors(ask.desk).register(ask.caller, body)
    _move(ask, made.id, progress)
    answer = _shown(ask, made.id)
    location = f"{str(ask.request.base_url).rstrip('/')}{answer.thing['href']}"
    return Answer("step", answer.thing, 201, {"Location": location})


def update_step(ask: Ask) -> Answer:
    """Takes how far a step is, in percent."""
    asked = ask.thing("step")
    step = ask.step_of(ask.tree())
    ask.check_reports_on(step)
    _move(ask, step.command_id, number_in(asked, "progress", 100))
    return _shown(ask, step.command_id)


def end_step(ask: Ask) -> Answer:
    """Ends a step. One that failed fails the whole job, and with it all steps that are open."""
    succeeded = flag_in(ask.thing("action"), "succeeded", default=True)
    tree = ask.begun(ask.tree())
    step = ask.step_of(tree)
    ask.check_reports_on(step)
    root = tree[0]
    ends_job = ask.caller.vendor in (None, root.owner_id) and not root.status.is_final
    if not succeeded and ends_job:
        end_all(ask, tree, TaskStatus.FAILED, TaskStatus.FAILED, failed=step)
    else:
        _end(ask, step, TaskStatus.SUCCEEDED if succeeded else TaskStatus.FAILED)
    return done(ask, "step", step.command_id)


def _end(ask: Ask, step: CommandEntity, status: TaskStatus) -> None:
    (answer,) = ask.desk.orchestrator.report_external(ask.report([step], status))
    if answer.refused is not None:
        raise ConflictError(answer.refused)
    if answer.task is None:
        check_has_ended(ask, step, status)


def list_statistics(ask: Ask) -> Answer:
    """Gives the statistics of a step: there are none."""
    ask.step_of(ask.tree())
    return Answer("statistics", {"statistic": []})


def _parent_of(ask: Ask, asked: Thing, steps: set[str]) -> str:
    parent = asked.get("parent_step")
    if parent is None:
        return ask.job_id
    parent_id = parent.get("id") if isinstance(parent, dict) else None
    if parent_id not in steps:
        raise BadInputError(f"parent_step: job {ask.job_id} has no step {str(parent_id)[:50]!r}")
    return str(parent_id)


def _move(ask: Ask, step_id: str, progress: int | None) -> None:
    """Says that the step is under way. Raises ConflictError when it has ended."""
    tree = ask.begun(ask.desk.orchestrator.store.tree(step_id))
    share = None if progress is None else progress / 100
    reports = ask.report(tree[:1], TaskStatus.RUNNING, progress=share)
    (answer,) = ask.desk.orchestrator.report_external(reports)
    if answer.refused is not None:
        raise ConflictError(answer.refused)


def _shown(ask: Ask, step_id: str) -> Answer:
    seen = ask.dimmed(ask.tree())
    shown = steps_view(seen, ask.tasks(seen[1:]), ask.prefix)
    return Answer("step", next(one for one in shown if one["id"] == step_id))
