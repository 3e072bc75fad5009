"""One request to oVirt's API, as what carries it out sees it; and the answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.requests import Request

from orchestrator.api.desk import Desk
from orchestrator.api.ovirt.views import is_external
from orchestrator.api.ovirt.wire import Thing, read_thing
from orchestrator.api.vendors import BEGINNING, LOOK_AGAIN_S
from orchestrator.app import VendorReport
from orchestrator.core.access import Caller, Sight
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import ConflictError, NotAllowedError, NotFoundError
from orchestrator.core.ids import is_whole_id


@dataclass(frozen=True, slots=True)
class Answer:
    """The root element of the answer and what is in it."""

    name: str
    thing: Thing
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """Who asks for what. `prefix` is how the client writes the root of the API."""

    desk: Desk
    caller: Caller
    prefix: str
    request: Request
    body: bytes

    def thing(self, name: str) -> dict[str, Any]:
        """Reads the body. Raises BadInputError."""
        return read_thing(self.body, self.request.headers.get("content-type", ""), name)

    def query(self, name: str) -> str | None:
        """Gives a word of the query, or of the matrix parameters' successor: the header."""
        return self.request.query_params.get(name)

    def follows(self, name: str) -> bool:
        """Tells whether the answer is to hold what a link leads to."""
        return name in (self.query("follow") or "").replace(" ", "").split(",")

    @cached_property
    def correlation_id(self) -> str | None:
        """Gives what the client calls the whole of what it is at."""
        found = self.query("correlation_id") or self.request.headers.get("correlation-id")
        return found or None

    @property
    def job_id(self) -> str:
        """Gives the job's id in the path."""
        return str(self.request.path_params["job_id"])

    def tree(self) -> list[CommandEntity]:
        """Gives the job with all its steps. Raises NotFoundError for what is no job that the caller sees."""
        wanted = self.job_id
        store = self.desk.orchestrator.store
        found = store.tree(wanted) if is_whole_id(wanted) else []
        if not found or not found[0].is_root:
            raise NotFoundError(f"there is no job {wanted[:36]}")
        if self.desk.sees(self.caller).sight(found[0]) is Sight.NOTHING:
            raise NotFoundError(f"there is no job {wanted}")
        return found

    def step_of(self, tree: Sequence[CommandEntity]) -> CommandEntity:
        """Gives the step in the path. Raises NotFoundError for one of another job."""
        wanted = str(self.request.path_params["step_id"])
        for one in tree[1:]:
            if one.command_id == wanted:
                return one
        raise NotFoundError(f"job {self.job_id} has no step {wanted[:36]}")

    def tasks(self, commands: Iterable[CommandEntity]) -> dict[str, TaskEntity]:
        """Gives the latest task of each vendor's command among these that the caller sees whole."""
        sees = self.desk.sees(self.caller)
        ids = [
            one.command_id
            for one in commands
            if is_external(one) and sees.sight(one) is Sight.WHOLE
        ]
        return {one.command_id: one for one in self.desk.orchestrator.tasks(ids)} if ids else {}

    def dimmed(self, commands: Sequence[CommandEntity]) -> list[CommandEntity]:
        """Gives those that the caller sees, with the words that it may read."""
        views = {one["id"]: one["label"] for one in self.desk.sees(self.caller).tree(commands)}
        return [
            one._replace(label=views[one.command_id]) for one in commands if one.command_id in views
        ]

    def check_reports_on(self, command: CommandEntity) -> None:
        """Raises an error unless the command is a vendor's task, and the caller speaks for that vendor."""
        if not is_external(command):
            raise ConflictError(
                f"{command.label} ({command.command_id}) is not external: the engine ends it itself"
            )
        if self.caller.vendor not in (None, command.owner_id):
            raise NotAllowedError(
                f"{command.label} ({command.command_id}) belongs to {command.owner_id!r};"
                f" the token speaks for {self.caller.vendor!r}"
            )

    def begun(self, tree: Sequence[CommandEntity]) -> list[CommandEntity]:
        """Gives the tree as soon as no task in it waits for a worker to offer it; after a while as it is.

        Workers see nothing of what this request has written and not committed: for that it does not wait.
        """
        until = time.monotonic() + self.desk.settings.patience_s
        root, found = tree[0].command_id, list(tree)
        while any(is_external(one) and one.status in BEGINNING for one in found):
            holds = self.desk.single is not None and self.desk.single.is_open
            if holds or time.monotonic() >= until:
                break
            time.sleep(LOOK_AGAIN_S)
            found = self.desk.orchestrator.store.tree(root)
        return found

    def report(
        self,
        commands: Iterable[CommandEntity],
        status: TaskStatus,
        *,
        progress: float | None = None,
        message: str | None = None,
    ) -> list[VendorReport]:
        """Gives the report on each of these."""
        return [
            VendorReport(
                command_id=one.command_id,
                vendor=self.caller.vendor,
                status=status,
                progress=progress,
                message=message,
                actor=self.caller.name,
            )
            for one in commands
        ]
