"""`orchestrator doctor`: looks at every part of an installation, says what to do about faults."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import httpx
import typer
from rich.text import Text

from orchestrator.cli.administration import administrate
from orchestrator.cli.console import Json, Output, print_json, print_lines, results
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.server import Server, connect
from orchestrator.cli.settings import CONFIG, read_settings
from orchestrator.cli.words import age


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part; `advice` says what to do about a fault."""

    part: str
    is_well: bool
    text: str
    advice: str = ""


def doctor(output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE) -> None:
    """Look at every part of the installation; exit 1 when one is not well."""
    findings = []
    for finding in _examine():
        findings.append(finding)
        if output is Output.TABLE:
            _print(finding)
    match output:
        case Output.JSON:
            print_json({"items": [asdict(one) for one in findings]})
        case Output.JSONL:
            print_lines(asdict(one) for one in findings)
        case Output.TABLE:
            pass
    if not all(one.is_well for one in findings):
        raise typer.Exit(ExitCode.ERROR)


def _print(finding: Finding) -> None:
    mark = ("✓", "green") if finding.is_well else ("×", "red")
    text = Text.assemble(mark, f" {finding.part:<11}{finding.text}")
    if finding.advice:
        text.append(f"  → {finding.advice}", "yellow")
    results().print(text, soft_wrap=True)


def _examine() -> Iterator[Finding]:
    yield _try("Config", _config)
    with connect() as server:
        web = _try("Web page", lambda: _page(server))
        if not web.is_well:
            # Without a server, what can be seen from here is the database alone.
            yield _try("Database", _database)
            yield web
            return
        yield from _ready(server)
        yield _try("Broker", lambda: _broker(server))
        yield _try("Workers", lambda: _workers(server))
        yield _try("Scheduler", lambda: _scheduler(server))
        yield _try("Adapters", lambda: _adapters(server))
        yield from _troubles(server)
        yield _try("Attention", lambda: _attention(server))
        yield _try("Paused", lambda: _paused(server))
        yield _try("Webhooks", lambda: _webhooks(server))
        yield _try("Rows", lambda: _rows(server))
        yield _try("Verbs", lambda: _verbs(server))
        yield web


def _try(part: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except CliError as error:
        return Finding(part, False, str(error), _advice(part, error))


def _advice(part: str, error: CliError) -> str:
    """Says what mends it when a part could not even be looked at."""
    match error.code:
        case ExitCode.NOT_ALLOWED:
            return "log in with: orchestrator login"
        case ExitCode.UNREACHABLE if part == "Broker":
            return "start Redis, or set ORCHESTRATOR_BROKER_URL; commands go on meanwhile"
        case ExitCode.UNREACHABLE:
            return "run: orchestrator up"
        case _:
            return f"mend {CONFIG}" if part == "Config" else "see the server's log"


def _config() -> Finding:
    settings = read_settings()
    count = sum(name.startswith("ORCHESTRATOR_") for name in os.environ)
    file = os.environ.get(CONFIG) or "no file"
    who = "a token" if settings.find_token() else "no token"
    text = f"{file} + {count} environment variable{'' if count == 1 else 's'} · {who}"
    advice = "" if settings.find_token() else "log in with: orchestrator login"
    return Finding("Config", not advice, text, advice)


def _page(server: Server) -> Finding:
    began = time.monotonic()
    try:
        answer = server.http.get("/", headers={"Accept": "text/html"})
    except httpx.HTTPError as error:
        fault = f"{server.url} does not answer ({error or type(error).__name__})"
        return Finding("Web page", False, fault, "run: orchestrator up")
    took_ms = (time.monotonic() - began) * 1000
    text = f"{server.url} {answer.status_code} in {took_ms:.0f} ms"
    return Finding("Web page", not answer.is_server_error, text)


def _ready(server: Server) -> Iterator[Finding]:
    """One finding for each thing that the server says it needs."""
    try:
        found: Json = server.get("/readyz")
    except CliError as error:
        yield Finding("Server", False, str(error), "see its log")
        return
    names = [name for name in found if name != "status"]
    yield Finding("Server", True, f"ready: {', '.join(names)}")


def _database() -> Finding:
    revision = administrate("current")
    if revision == "empty":
        return Finding("Database", False, "has no schema", "run: orchestrator db upgrade")
    return Finding("Database", True, f"schema {revision}")


def _broker(server: Server) -> Finding:
    began = time.monotonic()
    queues = server.get("queues")["items"]
    took_ms = (time.monotonic() - began) * 1000
    waiting = sum(queue["length"] for queue in queues)
    return Finding("Broker", True, f"{waiting} messages wait · {took_ms:.0f} ms")


def _workers(server: Server) -> Finding:
    answer = server.get("workers")
    alive = [one for one in answer["items"] if one["alive"]]
    workers = [one for one in alive if one["role"] == "worker"]
    if not workers:
        return Finding("Workers", False, "none is alive", "run: orchestrator up worker")
    known = {kind for one in workers for kind in one["kinds"]}
    missing = sorted({one["kind"] for one in server.get("kinds")["items"]} - known)
    text = f"{len(workers)} alive, {len(known)} kinds"
    unclaimed = answer["unclaimed"]
    if unclaimed:
        waiting = ", ".join(f"{count} of {kind}" for kind, count in unclaimed.items())
        advice = (
            "start a worker that knows them (ORCHESTRATOR_MODULES); run: orchestrator up worker"
        )
        return Finding(
            "Workers", False, f"{text}; commands wait that none knows: {waiting}", advice
        )
    if missing:
        advice = "set ORCHESTRATOR_MODULES for a worker too, and start it again"
        return Finding("Workers", False, f"{text}; none knows {', '.join(missing)}", advice)
    return Finding("Workers", True, text)


def _scheduler(server: Server) -> Finding:
    alive = [
        one for one in server.get("workers")["items"] if one["alive"] and one["role"] == "scheduler"
    ]
    if alive:
        return Finding("Scheduler", True, f"{len(alive)} alive")
    return Finding("Scheduler", False, "none is alive", "run: orchestrator up scheduler")


def _adapters(server: Server) -> Finding:
    names = [one["name"] for one in server.get("adapters")["items"]]
    return Finding("Adapters", bool(names), ", ".join(names) or "none is installed")


def _troubles(server: Server) -> Iterator[Finding]:
    """One finding for each thing that keeps us from an outside system."""
    try:
        found = server.get("adapters/troubles")["items"]
    except CliError as error:
        yield Finding("Outside", False, str(error))
        return
    for one in found:
        text = f"{one['adapter']} {one['place']}: {one['problem']}"
        yield Finding("Outside", False, text, one["advice"])


def _rows(server: Server) -> Finding:
    found = server.get("check")["unreadable"]
    if not found:
        return Finding("Rows", True, "all commands can be read")
    named = ", ".join(f"{one['short_id']} ({one['reason']})" for one in found[:3])
    advice = "they are left alone until their rows are mended in the database"
    return Finding("Rows", False, f"{len(found)} cannot be read: {named}", advice)


def _verbs(server: Server) -> Finding:
    held = server.get("check")["held"]
    if not held:
        return Finding("Verbs", True, "each heeds its stop")
    named = ", ".join(f"{one['short_id']} {one['label']} in {one['worker']}" for one in held[:3])
    advice = (
        "find out what it did, then: orchestrator resolve ID; restart the worker to free its slot"
    )
    return Finding("Verbs", False, f"{len(held)} do not come back after a stop: {named}", advice)


def _paused(server: Server) -> Finding:
    """A pause is no fault; one that was forgotten is what nobody finds."""
    paused = server.get("pauses")["items"]
    if not paused:
        return Finding("Paused", True, "nothing")
    first = min(paused, key=lambda one: str(one["at"]))
    text = f"{len(paused)}; {first['subject']} by {first['by']} for {age(first['at'])}: {first['reason']}"
    return Finding("Paused", True, text, f"run: orchestrator resume {first['subject']}")


def _webhooks(server: Server) -> Finding:
    try:
        dead = server.get("webhooks/dead-letters")["items"]
    except CliError as error:
        if error.code is ExitCode.NOT_ALLOWED:
            return Finding("Webhooks", True, "not yours to see")
        raise
    if not dead:
        return Finding("Webhooks", True, "no delivery was given up")
    text = f"{len(dead)} deliveries were given up; to {dead[0]['vendor']}: {dead[0]['problem']}"
    return Finding(
        "Webhooks", False, text, "run: orchestrator webhook dead, then webhook resend ID"
    )


def _attention(server: Server) -> Finding:
    found = server.get("commands", status="needs_attention", limit=1)
    count = found["counts"].get("needs_attention", 0)
    if not count:
        return Finding("Attention", True, "nothing waits for a person")
    first = found["items"][0]
    part = first["stuck_part"] or first
    text = f"{count} need a person; {part['short_id']} {part['label']}: {part['message']}"
    return Finding(
        "Attention", False, text, "run: orchestrator list -s needs_attention, then show ID"
    )
