"""Commands with secrets, an outside system that repeats them, and what looks for them afterwards."""

from __future__ import annotations

import json
import logging
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field, SecretStr, model_validator

from orchestrator import (
    AsyncTask,
    AsyncTaskRef,
    Command,
    Locks,
    Outcome,
    Plan,
    Retry,
    Secret,
    TaskReport,
    TaskStatus,
    TryAgain,
    exclusive,
    external,
    sequence,
)
from orchestrator.monitor.monitor import Monitor
from orchestrator.testing import Stage
from tests.engine.acts import Diary

MARKER = 'Tr0ub4dor&3 "quoted"\nsecond line of it'
OLD, NEW = (urlsafe_b64encode(bytes([one]) * 32).decode() for one in (1, 2))


class Login(BaseModel):
    """Who, and by which word."""

    user: str
    password: Secret[str]


class Vaulted(Command, kind="secret.all"):
    """Has secrets wherever there may be some."""

    password: Secret[str]
    pin: Secret[int] | None = None
    blob: Secret[bytes] = Secret(b"")
    login: Login | None = None
    whole: Secret[Login] | None = None
    many: list[Secret[str]] = Field(default_factory=list)
    by_name: dict[str, Secret[str]] = Field(default_factory=dict)
    plain: Secret | None = None  # type: ignore[type-arg]
    anything: Any = None

    def execute(self, diary: Diary) -> None:
        diary.notes.append(repr(self.model_dump(mode="json")))
        diary.notes.append(self)  # type: ignore[arg-type]


class Raises(
    Command, kind="secret.raises", label="{password}", retry=Retry(attempts=2, first=timedelta(0))
):
    """Says what it knows."""

    password: Secret[str]
    how: str = "error"

    def execute(self) -> None:
        said = f"cannot log in with {self.password.get_secret_value()!r}"
        logging.getLogger("mine").warning(said)
        match self.how:
            case "error":
                raise RuntimeError(said)
            case "again":
                raise TryAgain(said, after=timedelta(days=1))
            case "pydantic":
                Login.model_validate({"user": self.password.get_secret_value(), "pass": said})

    def compensate(self) -> None:
        raise RuntimeError(self.password.get_secret_value())


class MakeLogin(Command, kind="secret.make"):
    """Gives a typed result with a secret in it."""

    def execute(self) -> Login:
        return Login(user="ann", password=Secret(MARKER))


class UseLogin(Command, kind="secret.use"):
    """Is given it."""

    def execute(self, login: Login, diary: Diary) -> None:
        diary.notes.append(login.password.get_secret_value())


class Both(Command, kind="secret.both"):
    """Makes and uses it."""

    def plan(self) -> Plan:
        return sequence(MakeLogin(), UseLogin())


class Mount(Command, kind="secret.mount"):
    """Has its secret used outside; the plain text is put into the request."""

    password: Secret[str]
    as_text: bool = False

    def execute(self) -> AsyncTask[Any]:
        password = self.password.get_secret_value() if self.as_text else self.password
        request: dict[str, Any] = {
            "url": f"nfs://x:{self.password.get_secret_value()}@h/",
            "password": [password],
        }
        return AsyncTask(
            system="disk", scope="pool", verb="mount", request=request, description=request["url"]
        )

    def end(self, outcome: Outcome) -> None: ...


class FetchLogin(Command, kind="secret.fetch"):
    """Its result comes from outside, as JSON."""

    def execute(self) -> AsyncTask[Login]:
        return AsyncTask(system="disk", scope="pool", verb="fetch")


class Reads(Command, kind="secret.reads"):
    """Fetches, and uses it."""

    def plan(self) -> Plan:
        return sequence(FetchLogin(), UseLogin())


class Handed(Command, kind="secret.handed"):
    """Has a vendor do it."""

    password: Secret[str]

    def plan(self) -> Plan:
        plain = {"text": self.password.get_secret_value()}
        return sequence(external("acme", "Clone", data={"password": self.password, **plain}))


class Locking(Command, kind="secret.locking"):
    """Names its secret in a lock."""

    password: Secret[str]

    def locks(self) -> Locks:
        return exclusive("vault", self.password.get_secret_value())

    def execute(self) -> None: ...


class Checks(Command, kind="secret.checks"):
    """Its own check repeats what was sent."""

    password: Secret[str] = Field(min_length=3)
    user: str

    @model_validator(mode="before")
    @classmethod
    def say(cls, sent: Any) -> Any:
        if sent.get("user") == "noone-at-all":
            raise ValueError(f"nobody logs in with {sent['password']}")
        return sent

    def execute(self) -> None: ...


class Masked(Command, kind="secret.masked"):
    """Returns a secret of pydantic's."""

    def execute(self) -> dict[str, SecretStr]:
        return {"password": SecretStr(MARKER)}


class Named(Command, kind="secret.named"):
    """Has its secret where its label is cut, and for a name in its result."""

    password: Secret[str]

    def describe(self) -> str:
        return f"{'x' * 190}{self.password.get_secret_value()}"

    def execute(self) -> dict[str, int]:
        return {self.password.get_secret_value(): 1}


class Disk:
    """An outside system that repeats what it is told."""

    name = "disk"

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.refuses = self.is_quiet = False

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        self.seen.append(task.request)
        if self.refuses:
            raise TryAgain(f"{task.request} is not welcome", after=timedelta(days=1))
        return TaskReport(
            system="disk", scope="pool", status=TaskStatus.RUNNING, task_id=task.task_id
        )

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        for one in () if self.is_quiet else tasks:
            self.seen.append(one.request)
            login = {"user": "ann", "password": MARKER}
            fetched = one.verb == "fetch"
            yield TaskReport(
                system="disk",
                scope=scope,
                status=TaskStatus.SUCCEEDED,
                task_id=one.task_id,
                message=f"done: {one.request}",
                detail={}
                if fetched
                else {"echo": one.request["password"], str(one.request["url"]): 1},
                result=login if fetched else {"echo": one.request["url"]},
            )

    def discover(self, scope: str) -> Iterable[TaskReport]:
        return ()

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        self.seen.append(task.request)
        return None

    def clear(self, task: AsyncTaskRef) -> None:
        self.seen.append(task.request)


KINDS = (
    Vaulted, Raises, MakeLogin, UseLogin, Both, Mount, FetchLogin, Reads, Handed, Locking, Checks, Masked,
    Named,
)  # fmt: skip


def leaks(text: str) -> bool:
    """Tells whether the marker, or the line of it that any writing would keep, can be read."""
    return "Tr0ub4dor" in text or "second line of it" in text


def shown(stage: Stage, command_id: str) -> str:
    """Gives all that people may see of a tree, as one text."""
    monitor = Monitor(stage.store, stage.catalog)
    told: list[Any] = [monitor.modified_since("0", 500), monitor.kinds()]
    for one in stage.orchestrator.tree(command_id):
        told += [monitor.detail(one), monitor.history(one.command_id, None, 500)]
        told.append(stage.orchestrator.value(one.command_id))
    return json.dumps(told)


def stored(stage: Stage) -> str:
    """Gives all that is stored, as one text."""
    engine = getattr(stage.store, "engine", None)
    if engine is None:
        books = stage.store.books  # type: ignore[attr-defined]
        return repr([getattr(books, one) for one in books.__slots__])
    with sqlite3.connect(engine.url.database) as database:
        return "\n".join(database.iterdump())


def check_nothing_leaks(stage: Stage, command_id: str) -> str:
    said = shown(stage, command_id)
    assert not leaks(said)
    assert "$secret" not in said
    assert "$hidden" not in said
    assert not leaks(stored(stage))
    return said
