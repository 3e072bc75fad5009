"""The JSON that the API answers with. Times are ISO-8601 in UTC, progress is 0 to 1."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class StuckPart(TypedDict):
    """The first command of a tree that needs attention, and why."""

    id: str
    short_id: str
    label: str
    message: str | None


class CommandView(TypedDict):
    """A command as lists show it. `actions` are the operators' verbs that its state allows.

    `stuck` counts, at a root, the commands of its tree that need attention, itself included; `stuck_part` is the
    first of them. `actions` are the verbs that the caller may order now; `refused` says of each of the others why not.
    """

    id: str
    short_id: str
    root_id: str
    parent_id: str | None
    kind: str
    version: int
    label: str
    status: str
    phase: str
    mode: str | None
    best_effort: bool
    order: int
    parts: int
    pending: int
    progress: float | None
    progress_note: str | None
    outcome: str | None
    stopping: str | None
    message: str | None
    owner: str
    owner_type: str
    entity: str | None
    correlation_id: str | None
    attempt: int
    tries: int
    worker: str | None
    wake_at: str | None
    deadline: str | None
    created_at: str | None
    start_time: str | None
    end_time: str | None
    last_update_time: str | None
    revision: int
    weight: int
    stuck: int
    stuck_part: StuckPart | None
    actions: list[str]
    refused: dict[str, str]


class UnreadableRow(TypedDict):
    """A command whose row in the database cannot be read, and why."""

    id: str
    short_id: str
    reason: str


class Check(TypedDict):
    """What an operator should know of and no list of one status shows.

    `unreadable` are commands whose rows cannot be read; `held` are those that are being stopped and whose verb has
    not come back for a minute.
    """

    unreadable: list[UnreadableRow]
    held: list[CommandView]


class TaskView(TypedDict):
    """An async task: what goes on outside for a command."""

    task_id: str
    system: str
    scope: str
    verb: str
    description: str
    external_id: str | None
    state: str
    status: str
    progress: float | None
    message: str | None
    detail: dict[str, Any]
    stop_requested: bool
    created_at: str
    changed_at: str
    deadline: str | None


class LockView(TypedDict):
    """A lock that a command holds, or waits for."""

    entity: str
    mode: str
    held: bool
    command_id: str
    root_id: str
    since: str


class PauseView(TypedDict):
    """A pause: nothing of the subject is begun until somebody resumes it."""

    subject: str
    by: str
    reason: str
    at: str


class PauseList(TypedDict):
    """All pauses."""

    items: list[PauseView]


class CommandDetail(CommandView):
    """A command with all that hangs on it; `parts_by_status` counts its direct parts.

    `paused` is the pause of its tree or its kind, if there is one.
    `submitted_by` is the token that brought it in, whoever its owner is; null for parts and engine code.
    """

    parameters: dict[str, Any]
    return_value: Any
    submitted_by: str | None
    tasks: list[TaskView]
    locks: list[LockView]
    parts_by_status: dict[str, int]
    paused: PauseView | None


class CommandList(TypedDict):
    """A page of commands. `counts` leaves the status filter aside.

    Counts end at `count_limit`: that many, or more. `total` is null where it was not counted. What has no index
    (texts, errors, several filters at once) is looked for in so many of the newest commands for each page, so a page
    may hold few or none and yet have a `next_cursor`: there is more to search.
    """

    items: list[CommandView]
    next_cursor: str | None
    total: int | None
    counts: dict[str, int]
    count_limit: int | None


class EventView(TypedDict):
    """One row of the event log: the way that a command went within one transaction.

    `actor` is the token of the person or program that caused it; `deed` says what was done in one sentence
    ("alice stopped it: wrong VM").
    """

    seq: int
    command_id: str
    root_id: str
    revision: int
    path: list[str]
    status: str
    phase: str
    causes: list[str]
    attempt: int
    worker: str | None
    message: str | None
    progress: float | None
    at: str
    actor: str | None
    deed: str | None


class EventPage(TypedDict):
    """Events, oldest first; `next_cursor` is where to go on, also when there is nothing new yet."""

    items: list[EventView]
    next_cursor: str | None


class Running(TypedDict):
    """A command that a worker is working on."""

    id: str
    label: str


class WorkerView(TypedDict):
    """A process that runs verbs or schedules; `claims` counts what it is working on, `running` names the first."""

    worker_id: str
    name: str
    role: str
    host: str
    pid: int
    started_at: str
    alive_until: str
    alive: bool
    kinds: list[str]
    claims: int
    running: list[Running]


class KindView(TypedDict):
    """A kind of command; `parameters` is a JSON schema."""

    kind: str
    version: int
    label: str | None
    doc: str
    parameters: dict[str, Any]
    verbs: list[str]


class ScopeView(TypedDict):
    """A scope of an outside system: whether it answers (None: it was never asked), and what is open there.

    `found` of the `open_tasks` were begun by others. `asked_at` may be half a minute old.
    """

    scope: str
    answers: bool | None
    asked_at: str | None
    problem: str | None
    problem_since: str | None
    open_tasks: int
    found: int


class AdapterView(TypedDict):
    """An adapter, the scopes in which tasks of ours are open, and all that were ever asked."""

    name: str
    pushes: bool
    scopes: list[str]
    systems: list[ScopeView]


class TroubleView(TypedDict):
    """What keeps us from a part of an outside system, and what to do about it."""

    adapter: str
    scope: str
    place: str
    problem: str
    advice: str


class TroubleList(TypedDict):
    """All that is wrong on the way to outside systems."""

    items: list[TroubleView]


class WorkerList(TypedDict):
    """All registered processes, dead ones included until they are struck off.

    `unclaimed` counts, by kind, the commands that wait for a worker and that no living one knows.
    """

    items: list[WorkerView]
    unclaimed: dict[str, int]


class KindList(TypedDict):
    """All kinds that this server knows."""

    items: list[KindView]


class LockList(TypedDict):
    """Who holds or waits for which lock."""

    items: list[LockView]


class AdapterList(TypedDict):
    """All adapters that this server knows."""

    items: list[AdapterView]


class ExternalView(TypedDict):
    """A task that a vendor runs.

    `state` is where it stands in a word: `waiting` until its vendor's first sign of life, then `started` (a sub-task:
    `running`), and `completed`, `failed`, `stopped`, `skipped`,
    `undoing`, `undone`, or `unknown` when nobody can say. `attempt`
    tells the lives of a restarted task apart, and is null until its turn has come. `claim` counts how often a program
    has taken the task, `claimed_by` is the one that has it. The ETag names both.
    `id` is that of its command, `status` how the command stands, `task_status` what the vendor said
    last: `running`, `succeeded`, `failed`, `aborted`, or `lost` when it was given up. `stale` says that
    no report came within `lease_s` seconds.
    """

    id: str
    root_id: str
    parent_id: str | None
    vendor: str
    description: str
    topic: str
    state: str
    status: str
    attempt: int | None
    claim: int | None
    claimed_by: str | None
    claimed_until: str | None
    weight: int
    sub_tasks: int
    task_status: str | None
    progress: float | None
    message: str | None
    data: dict[str, Any]
    stop_requested: bool
    lease_s: float | None
    deadline: str | None
    created_at: str | None
    stale: bool


class ExternalList(TypedDict):
    """A page of external tasks."""

    items: list[ExternalView]
    next_cursor: str | None


class DeedView(TypedDict):
    """One row of the audit: who did what to what, and why. `subject` stays when the thing is gone."""

    number: int
    at: str
    actor: str
    verb: str
    subject: str
    reason: str
    command_id: str | None
    root_id: str | None
    entity: str | None


class AuditPage(TypedDict):
    """Deeds, newest first."""

    items: list[DeedView]
    next_cursor: str | None


class EntityView(TypedDict):
    """One thing of the world that commands are about: who has it locked, and its newest commands by how they stand."""

    entity: str
    locks: list[LockView]
    counts: dict[str, int]
    attention: list[CommandView]
    live: list[CommandView]
    failed: list[CommandView]
    latest: list[CommandView]


class SystemAsked(TypedDict):
    """An outside scope in which tasks would be asked to stop."""

    system: str
    scope: str
    tasks: int


class Preview(TypedDict):
    """What an order would do now. Parts are counted that do work of their own; `frees` names entities.

    `skips` are parts whose turn would not come, `undoes` those that were done and would be undone, `redoes` those that
    would be done again. `sentence` says it in words.
    """

    verb: str
    allowed: bool
    refused: str | None
    stops: int
    skips: int
    undoes: int
    redoes: int
    frees: list[str]
    asks: list[SystemAsked]
    sentence: str
