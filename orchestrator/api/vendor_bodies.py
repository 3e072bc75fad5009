"""What vendors send: registrations, reports, claims."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from orchestrator.api.fields import Json, JsonObject, Said, Seconds, Share, Words
from orchestrator.core.asynctask import WhenSilent
from orchestrator.core.external import EXTERNAL_KIND, MOST_WEIGHT
from orchestrator.core.ids import WHOLE_ID
from orchestrator.core.status import Mode
from orchestrator.monitor.shapes import ExternalView

MOST_TASKS = 1_000
MOST_DEPTH = 10
OF_LEAVES = {"lease_s", "timeout_s", "when_silent", "topic", "weight", "can_undo"}


def check_size(tasks: Any) -> Any:
    """Gives sub-tasks back. Raises ValueError where they are too many, or nested too deep."""
    level, number, depth = [tasks], 0, 1
    while level := [part for one in level if isinstance(one, list) for part in one]:
        number, depth = number + len(level), depth + 1
        if number > MOST_TASKS:
            raise ValueError(f"more than {MOST_TASKS} sub-tasks; register the rest below them")
        if depth > MOST_DEPTH:
            raise ValueError(
                f"nested deeper than {MOST_DEPTH} levels; register the rest below them"
            )
        level = [one.get("tasks") for one in level if isinstance(one, dict)]
    return tasks


class SubTask(BaseModel):
    """A task of a registration, or one of its sub-tasks.

    One with `tasks` of its own ends as they do: what concerns reports (lease, timeout, topic, weight, undo) is
    said of those. They run in `mode`: in `sequence`, or in `parallel`.
    """

    model_config = ConfigDict(extra="forbid")

    description: Said = Field(max_length=1000)
    lease_s: Seconds | None = None
    timeout_s: Seconds | None = None
    when_silent: WhenSilent = WhenSilent.ATTENTION
    data: JsonObject = {}
    topic: Said = Field(default=EXTERNAL_KIND, max_length=255)
    weight: int = Field(default=1, strict=True, ge=1, le=MOST_WEIGHT)
    can_undo: bool = Field(default=False, strict=True)
    best_effort: bool = Field(default=False, strict=True)
    open_to: list[Annotated[Said, Field(max_length=255)]] = Field([], max_length=100)
    mode: Mode = Mode.SEQUENCE
    tasks: Annotated[list[SubTask], BeforeValidator(check_size)] = []

    @model_validator(mode="after")
    def _says_what_counts(self) -> Self:
        apart = OF_LEAVES if self.tasks else {"mode"}
        wrong = sorted(apart & self.model_fields_set)
        if wrong:
            has = "ends as its sub-tasks do; say it of those" if self.tasks else "has no sub-tasks"
            raise ValueError(f"{', '.join(wrong)}: the task {has}")
        return self

    def parameters(self) -> dict[str, Any]:
        """Gives what the command of the task is made of."""
        apart = {"mode", "tasks"} if not self.tasks else OF_LEAVES | {"tasks"}
        said = self.model_dump(mode="json", include=set(SubTask.model_fields) - apart)
        return said | ({"tasks": [one.parameters() for one in self.tasks]} if self.tasks else {})


class Registration(SubTask):
    """A task that a vendor will run, alone or with a whole tree of sub-tasks (`tasks`).

    `parent` is the id of a command or of another external task; without it the task is a job of its
    own. `lease_s` is the longest silence between two reports, `timeout_s` bounds the whole. `data` is
    given back as it is. With `can_undo` the vendor is asked to undo it (topic `TOPIC.undo`) when a later part
    fails. The vendors in `open_to` may add tasks of their own below it. The failure of a task that is
    `best_effort` leaves the outcome of its parent alone.
    """

    vendor: Said | None = Field(default=None, max_length=255)
    parent: Words | None = Field(default=None, max_length=100)
    correlation_id: Words | None = Field(default=None, max_length=255)


class RegisteredTask(TypedDict):
    """A sub-task that was registered with its task, by its id."""

    id: str
    description: str
    tasks: list[RegisteredTask]


class Registered(ExternalView):
    """A task as it was registered; `tasks` are the sub-tasks that came with it, nested as they were."""

    tasks: list[RegisteredTask]


class News(BaseModel):
    """What a vendor reports. Progress is 0 to 1; `result` (JSON) becomes the return value.

    `attempt`, as the task shows it, makes sure that a late report does not end the next life of a restarted task;
    `claim` that it comes from the program that has the task.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["running", "succeeded", "failed", "aborted"] = "running"
    progress: Share | None = None
    message: Words | None = Field(default=None, max_length=2000)
    result: Json = None
    attempt: int | None = Field(default=None, strict=True, ge=0, lt=2**31)
    claim: int | None = Field(default=None, strict=True, ge=0, lt=2**31)


class BulkNews(News):
    """News of one of many tasks; `id` is the whole id."""

    id: str = Field(pattern=WHOLE_ID)


class Bulk(BaseModel):
    """Reports on many tasks."""

    model_config = ConfigDict(extra="forbid")

    reports: list[BulkNews] = Field(min_length=1, max_length=1000)


class BulkAnswer(TypedDict):
    """The answer to one report: the status that it would have had alone, and the task or what was wrong."""

    id: str
    status: int
    task: ExternalView | None
    detail: str | None


class Claim(BaseModel):
    """What a program asks for: up to `limit` tasks on some topics (none named: on any).

    It has each until `lease_s` pass without a sign of life; then another program may take it. With `wait_s` it
    waits so long for something to do. `program` is a name for people to read.
    """

    model_config = ConfigDict(extra="forbid")

    vendor: Said | None = Field(default=None, max_length=255)
    program: Said | None = Field(default=None, max_length=255)
    topics: list[Annotated[Said, Field(max_length=255)]] = Field([], max_length=100)
    limit: int = Field(default=1, strict=True, ge=1, le=100)
    lease_s: Seconds = 60.0
    wait_s: float = Field(default=0.0, strict=True, ge=0, le=60, allow_inf_nan=False)
