"""Orders to many commands at once: tried first, bounded, and with a result for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from orchestrator.api.bodies import check_prefix, read_statuses
from orchestrator.api.desk import Desk
from orchestrator.api.fields import Json, Words
from orchestrator.api.submissions import check_steers
from orchestrator.core.access import Caller, Permission, Role, Sight
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, OrchestratorError, UnavailableError
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Outcome

MOST = 500
PAGE = 100
MOST_PAGES = 100  # of what has no index: so many are searched for it


class BulkQuery(BaseModel):
    """Which commands: the filters of a list. At least one must be set."""

    model_config = ConfigDict(extra="forbid")

    status: list[str] | str | None = None
    kind: Words | None = None
    owner: Words | None = None
    entity: Words | None = None
    correlation_id: Words | None = None
    external: Words | None = None
    q: Words | None = None
    error: Words | None = None
    id: Words | None = None

    def as_query(self) -> CommandQuery:
        """Gives the query as the store has it. Raises BadInputError for an unknown status."""
        statuses = [self.status] if isinstance(self.status, str) else self.status
        return CommandQuery(
            statuses=read_statuses(statuses),
            kind=self.kind,
            owner=self.owner,
            entity=self.entity,
            correlation_id=self.correlation_id,
            external_id=self.external,
            text=self.q,
            error=self.error,
            id_prefix=check_prefix(self.id) if self.id else None,
            limit=PAGE,
        )


class BulkOrder(BaseModel):
    """An order to all of `ids`, or to all that `query` finds, at most `limit` of them; `outcome` goes with resolve.

    With `dry_run` nothing is done, and each result says what would be. Where a query finds a root of which a part needs
    attention, restart, skip and resolve mean those parts.
    """

    model_config = ConfigDict(extra="forbid")

    verb: Literal["stop", "restart", "skip", "clear", "resolve"]
    ids: list[Words] | None = Field(default=None, min_length=1, max_length=MOST)
    query: BulkQuery | None = None
    reason: Words = Field(default="", max_length=2000)
    outcome: Literal["succeeded", "failed"] | None = None
    value: Json = None
    dry_run: bool = False
    limit: int = Field(default=MOST, ge=1, le=MOST)

    @model_validator(mode="after")
    def _is_complete(self) -> BulkOrder:
        if (self.ids is None) == (self.query is None):
            raise ValueError("name the commands by ids, or by a query; one of them")
        if self.query is not None and not self.query.model_dump(exclude_none=True):
            raise ValueError("the query asks for everything; set a filter")
        if (self.outcome is None) is (self.verb == "resolve"):
            raise ValueError("outcome goes with resolve, and resolve needs it")
        return self


class BulkResult(TypedDict):
    """What became of one command, or would: `refused` says why nothing did. `status` is how it stands after."""

    id: str
    short_id: str | None
    label: str | None
    status: str | None
    done: bool
    refused: str | None


class BulkAnswer(TypedDict):
    """All results. `more` tells that the query finds more than were taken: order again."""

    verb: str
    dry_run: bool
    done: int
    refused: int
    more: bool
    items: list[BulkResult]


def order(caller: Caller, body: BulkOrder, desk: Desk) -> BulkAnswer:
    """Carries out an order to many. Raises NotAllowedError for who may order nothing at all."""
    if caller.role is not Role.VENDOR:
        caller.need(Permission.OPERATE)
    if body.query is not None:
        found = list(_found(caller, body, desk))
        ids, more = found[: body.limit], len(found) > body.limit
    else:
        ids, more = list(dict.fromkeys(body.ids or ())), False
    items = [_one(caller, body, one, desk) for one in ids]
    done = sum(one["done"] for one in items)
    return {
        "verb": body.verb,
        "dry_run": body.dry_run,
        "done": done,
        "refused": len(items) - done,
        "more": more,
        "items": items,
    }


def _found(caller: Caller, body: BulkOrder, desk: Desk) -> Iterator[str]:
    """Gives the ids that the query finds, one more than may be taken."""
    if body.query is None:
        return
    monitor, query = desk.sees(caller), body.query.as_query()
    count = 0
    for _ in range(MOST_PAGES):
        page = monitor.commands(query)
        for view in page["items"]:
            for one in _meant(body.verb, view["id"], view["stuck"], view["actions"], desk):
                yield one
                count += 1
                if count > body.limit:
                    return
        if page["next_cursor"] is None:
            return
        query = replace(query, cursor=page["next_cursor"])


def _meant(verb: str, command_id: str, stuck: int, actions: list[str], desk: Desk) -> list[str]:
    """Gives the command, or those parts of it that are stuck, where the verb is for such."""
    if verb == "stop" or not stuck or verb in actions:
        return [command_id]
    return desk.orchestrator.store.all_stuck(command_id)


def _one(caller: Caller, body: BulkOrder, command_id: str, desk: Desk) -> BulkResult:
    """Orders one; what is refused is a result like any other, what cannot be stored now ends it all."""
    command: CommandEntity | None = None
    refused: str | None = None
    try:
        command = desk.orchestrator.get(command_id)
        check_steers(caller, command.command_id, desk)
        if body.dry_run:
            refused = desk.sees(caller).show(command)["refused"].get(body.verb)
        else:
            _carry_out(caller, body, command.command_id, desk)
            command = desk.orchestrator.get(command.command_id)
    except UnavailableError:
        raise
    except OrchestratorError as problem:
        refused = str(problem)
    view = (
        desk.sees(caller).show(command)
        if command is not None and _sees(caller, command, desk)
        else None
    )
    return {
        "id": command_id if view is None else view["id"],
        "short_id": None if view is None else view["short_id"],
        "label": None if view is None else view["label"],
        "status": None if view is None else view["status"],
        "done": refused is None,
        "refused": refused,
    }


def _sees(caller: Caller, command: CommandEntity, desk: Desk) -> bool:
    return desk.sees(caller).sight(command) is not Sight.NOTHING


def _carry_out(caller: Caller, body: BulkOrder, command_id: str, desk: Desk) -> None:
    front = desk.orchestrator
    match body.verb:
        case "stop":
            front.stop(command_id, body.reason, actor=caller.name)
        case "restart":
            front.restart(command_id, body.reason, actor=caller.name)
        case "skip":
            front.skip(command_id, body.reason, actor=caller.name)
        case "clear":
            front.clear(command_id, body.reason, actor=caller.name)
        case "resolve":
            if body.outcome is None:
                raise BadInputError("resolve needs an outcome")
            outcome = Outcome(body.outcome)
            front.resolve(command_id, outcome, body.reason, value=body.value, actor=caller.name)
