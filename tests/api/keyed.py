"""How every route that changes something is asked: what each needs to be there, who asks, and with which body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import sqlalchemy as sa

from orchestrator.api.ovirt.routes import API
from orchestrator.core.asynctask import FoundTask, TaskReport, TaskStatus
from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.status import Status
from orchestrator.store.tables import metadata, webhook_delivery
from tests.api.served import Served

V1 = "/api/v1"
COMMAND = f"{V1}/commands/{{command_id}}"
TASKS = f"{V1}/external-tasks"
HOOKS = f"{V1}/webhooks"
HOOK = {"url": "https://127.0.0.1:9/hook", "vendor": "acme"}
NOT_KEYED = {
    ("POST", f"{V1}/session"): "nobody is known yet, and nothing is stored",
    ("DELETE", f"{V1}/session"): "nothing is stored",
    ("POST", "/login"): "nobody is known yet, and nothing is stored",
    ("POST", "/logout"): "nothing is stored",
    ("POST", f"{API}/jobs/{{job_id}}/clear"): "nothing is stored",
}
WRITING = ("POST", "PUT", "PATCH", "DELETE")
Asked = tuple[str, dict[str, str], Any]
numbers = count(1)


@dataclass
class World:
    """A served API, with clients that are known."""

    house: Served
    operator: httpx.Client
    vendor: httpx.Client
    admin: httpx.Client

    def stored(self) -> dict[str, list[str]]:
        """Gives everything that is stored."""
        engine = self.house.stage.orchestrator.store.engine  # type: ignore[attr-defined]
        with engine.connect() as connection:
            return {
                name: sorted(map(repr, connection.execute(sa.select(table))))
                for name, table in metadata.tables.items()
            }

    def command(self, kind: str = "test.guarded", **parameters: Any) -> str:
        given = parameters or {"vm": f"vm-{next(numbers)}"}
        made = self.operator.post(f"{V1}/commands", json={"kind": kind, "parameters": given})
        self.house.stage.play()
        return str(made.json()["id"])

    def task(self) -> str:
        """Gives a task of acme's that waits for news."""
        made = self.vendor.post(TASKS, json={"description": "Copy", "topic": f"t{next(numbers)}"})
        self.house.stage.play()
        return str(made.json()["id"])

    def hook(self) -> str:
        for one in self.admin.get(HOOKS).json()["items"]:
            self.admin.delete(f"{HOOKS}/{one['id']}")
        return str(self.admin.post(HOOKS, json=HOOK).json()["id"])


def submission(world: World) -> Asked:
    return "operator", {}, {"kind": "test.note", "parameters": {"text": "x"}}


def stop(world: World) -> Asked:
    return "operator", {"command_id": world.command()}, {"reason": "enough"}


def paused(world: World) -> Asked:
    command = world.command()
    world.operator.post(f"{V1}/commands/{command}/pause", json={})
    return "operator", {"command_id": command}, {}


def paused_kind(world: World) -> Asked:
    subject = f"kind:k{next(numbers)}"
    world.operator.post(f"{V1}/pauses", json={"subject": subject})
    return "operator", {}, {"subject": subject}


def left_lock(world: World) -> Asked:
    """Leaves a lock that a command which has ended holds, as no program of ours does."""
    store = world.house.stage.store
    command = world.house.stage.orchestrator.get(world.command())
    with store.begin() as tx:
        left = Lock("vm", f"left-{next(numbers)}", LockMode.EXCLUSIVE)
        ended = command._replace(revision=command.revision + 1, status=Status.FAILED)
        tx.acquire(command._replace(locks=(left,)), store.now())
        tx.save([ended])
    return "operator", {}, {"entity": str(left), "reason": "its command has ended"}


def attachment(world: World) -> Asked:
    return "operator", {}, {"kind": "test.note", "parent": world.command()}


def broken(world: World) -> str:
    made = world.operator.post(f"{V1}/commands", json={"kind": "test.broken"}).json()["id"]
    world.house.stage.play()
    return str(made)


def skip(world: World) -> Asked:
    # What waits for its turn may be skipped.
    guarded = world.command()
    parts = world.operator.get(f"{V1}/commands/{guarded}/parts").json()["items"]
    return "operator", {"command_id": parts[-1]["id"]}, {"reason": "not needed"}


def resolve(world: World) -> Asked:
    task = world.task()
    world.house.stage.report(task, TaskStatus.LOST)
    return "operator", {"command_id": task}, {"outcome": "failed", "reason": "they are gone"}


def clear(world: World) -> Asked:
    name = f"their-{next(numbers)}"
    report = TaskReport(system="gone", scope="s", external_id=name, status=TaskStatus.SUCCEEDED)
    stage = world.house.stage
    found = FoundTask(report=report, description=name)
    stage.poller.adopter.adopt("gone", "s", [found], stage.clock.now())
    items = world.operator.get(f"{V1}/commands", params={"external": name}).json()["items"]
    return "operator", {"command_id": items[0]["id"]}, {"reason": "in the way"}


def let_in(world: World) -> Asked:
    return "operator", {"command_id": world.command(), "vendor": "globex"}, {"reason": "theirs"}


def let_in_no_more(world: World) -> Asked:
    command = world.command()
    world.operator.put(f"{V1}/commands/{command}/grants/globex", json={})
    return "operator", {"command_id": command, "vendor": "globex"}, None


def kind_grant(world: World) -> Asked:
    return "admin", {"kind": "test.wide", "vendor": f"v{next(numbers)}"}, {"reason": "theirs"}


def kind_taken_back(world: World) -> Asked:
    vendor = f"v{next(numbers)}"
    world.admin.put(f"{V1}/kinds/test.wide/grants/{vendor}", json={})
    return "admin", {"kind": "test.wide", "vendor": vendor}, None


def registration(world: World) -> Asked:
    return "vendor", {}, {"description": "Clone", "tasks": [{"description": "Carve"}]}


def claim(world: World) -> Asked:
    task = world.task()
    topic = world.vendor.get(f"{TASKS}/{task}").json()["topic"]
    return "vendor", {}, {"topics": [topic]}


def bulk(world: World) -> Asked:
    reports = [{"id": world.task(), "progress": 0.4}, {"id": world.task(), "status": "succeeded"}]
    return "vendor", {}, {"reports": reports}


def report(world: World) -> Asked:
    return "vendor", {"task_id": world.task()}, {"status": "succeeded", "result": {"lun": 7}}


def heartbeat(world: World) -> Asked:
    return "vendor", {"task_id": world.task()}, {}


def hook(world: World) -> Asked:
    world.hook()
    return "vendor", {}, {"url": "https://127.0.0.1:9/second"}


def of_hook(body: Any) -> Callable[[World], Asked]:
    return lambda world: ("vendor", {"endpoint_id": world.hook()}, body)


def dead_letter(world: World) -> Asked:
    world.task()
    endpoint = world.hook()
    book = world.house.app.state.desk.webhooks
    book.note_news([one for one in book.endpoints("acme") if one.endpoint_id == endpoint])
    (letter, *_) = book.due("acme", 1)
    engine = world.house.stage.orchestrator.store.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(sa.update(webhook_delivery).values(status="dead"))
    return "vendor", {"delivery_id": letter.delivery_id}, None


def token(world: World) -> Asked:
    return "admin", {}, {"name": f"t{next(numbers)}", "role": "viewer"}


def revocation(world: World) -> Asked:
    name = f"t{next(numbers)}"
    world.admin.post(f"{V1}/tokens", json={"name": name, "role": "viewer"})
    return "admin", {"name": name}, None


def job(world: World) -> Asked:
    return "vendor", {}, {"description": "Clone", "auto_cleared": True}


def of_job(body: Any) -> Callable[[World], Asked]:
    def asked(world: World) -> Asked:
        made = world.vendor.post(f"{API}/jobs", json={"description": "Clone"}, headers=JSON)
        world.house.stage.play()
        return "vendor", {"job_id": made.json()["id"]}, body

    return asked


def of_step(body: Any) -> Callable[[World], Asked]:
    def asked(world: World) -> Asked:
        who, place, _ = of_job(None)(world)
        steps, step = f"{API}/jobs/{place['job_id']}/steps", STEP
        made = world.vendor.post(steps, json=step, headers=JSON)
        world.house.stage.play()
        return who, {**place, "step_id": made.json()["id"]}, body

    return asked


JSON = {"Accept": "application/json", "Content-Type": "application/json"}
STEP = {"description": "Carve", "type": "executing"}
ASKED: dict[tuple[str, str], Callable[[World], Asked]] = {
    ("POST", f"{V1}/commands"): submission,
    ("POST", f"{COMMAND}/stop"): stop,
    ("POST", f"{COMMAND}/pause"): lambda world: (
        "operator",
        {"command_id": world.command()},
        {"reason": "a look first"},
    ),
    ("POST", f"{COMMAND}/resume"): paused,
    ("POST", f"{V1}/pauses/resume"): paused_kind,
    ("POST", f"{V1}/locks/unlock"): left_lock,
    ("POST", f"{V1}/pauses"): lambda world: (
        "operator",
        {},
        {"subject": f"kind:k{next(numbers)}", "reason": "broken"},
    ),
    ("POST", f"{V1}/commands/bulk"): lambda world: (
        "operator",
        {},
        {"verb": "stop", "ids": [world.command()]},
    ),
    ("POST", f"{COMMAND}/restart"): lambda world: (
        "operator",
        {"command_id": broken(world)},
        {"reason": "again"},
    ),
    ("POST", f"{COMMAND}/skip"): skip,
    ("POST", f"{COMMAND}/clear"): clear,
    ("POST", f"{COMMAND}/resolve"): resolve,
    ("PUT", f"{COMMAND}/grants/{{vendor}}"): let_in,
    ("DELETE", f"{COMMAND}/grants/{{vendor}}"): let_in_no_more,
    ("PUT", f"{V1}/kinds/{{kind}}/grants/{{vendor}}"): kind_grant,
    ("DELETE", f"{V1}/kinds/{{kind}}/grants/{{vendor}}"): kind_taken_back,
    ("POST", TASKS): registration,
    ("POST", f"{TASKS}/claim"): claim,
    ("POST", f"{TASKS}/bulk"): bulk,
    ("PATCH", f"{TASKS}/{{task_id}}"): report,
    ("POST", f"{TASKS}/{{task_id}}/heartbeat"): heartbeat,
    ("POST", HOOKS): hook,
    ("PUT", f"{HOOKS}/{{endpoint_id}}"): of_hook({"url": "https://127.0.0.1:9/third"}),
    ("POST", f"{HOOKS}/{{endpoint_id}}/rotate"): of_hook(None),
    ("DELETE", f"{HOOKS}/{{endpoint_id}}"): of_hook(None),
    ("POST", f"{HOOKS}/dead-letters/{{delivery_id}}/resend"): dead_letter,
    ("POST", f"{V1}/tokens"): token,
    ("DELETE", f"{V1}/tokens/{{name}}"): revocation,
    ("POST", f"{API}/jobs"): job,
    ("POST", f"{API}/jobs/{{job_id}}/end"): of_job({"succeeded": True}),
    ("POST", f"{API}/jobs/{{job_id}}/steps"): of_job(STEP),
    ("PUT", f"{API}/jobs/{{job_id}}/steps/{{step_id}}"): of_step({"progress": 40}),
    ("POST", f"{API}/jobs/{{job_id}}/steps/{{step_id}}/end"): of_step({"succeeded": False}),
}


def send(world: World, method: str, path: str, asked: Asked, key: str) -> httpx.Response:
    who, place, body = asked
    client: httpx.Client = getattr(world, who)
    return client.request(
        method, path.format(**place), json=body, headers={**JSON, "Idempotency-Key": key}
    )
