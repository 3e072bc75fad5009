"""Real processes: a secret goes in by every door, and nothing that is kept or told has it."""

from __future__ import annotations

import json
import os
import socket
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import redis
import sqlalchemy as sa

from orchestrator import Secret
from tests import services
from tests.services import free_port, until
from tests.workers.installation import Installation, installed, started
from tests.workers.mine import Confide

WAIT_S = 60.0
OLD, NEW = (urlsafe_b64encode(bytes([one]) * 32).decode() for one in (1, 2))


@pytest.fixture(scope="module", params=["embedded", "servers"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, list[str]]]:
    """An installation with a key, and what goes through its broker."""
    folder = tmp_path_factory.mktemp("secrets")
    broker = request.getfixturevalue("redis_server_url")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ORCHESTRATOR_SECRET_KEY", OLD)
        if request.param == "servers":
            server = request.getfixturevalue("postgres_server")
            database = stack.enter_context(services.new_database(server))
        else:
            database = f"sqlite:///{folder / 'orchestrator.db'}"
        traffic = stack.enter_context(overheard(broker))
        fused = request.param == "embedded"
        yield stack.enter_context(installed(folder, database, broker, fusion=fused)), traffic


@contextmanager
def overheard(broker: str) -> Iterator[list[str]]:
    """Gives all that is sent to a Redis meanwhile."""
    heard: list[str] = []
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
    where = urlsplit(broker)
    with socket.create_connection((where.hostname or "", where.port or 6379)) as line:
        line.sendall(b"MONITOR\r\n")

        def listen() -> None:
            while said := line.recv(65536):
                heard.append(said.decode("latin-1"))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield heard
        line.shutdown(socket.SHUT_RDWR)
        listener.join()


@contextmanager
def web(here: Installation) -> Iterator[str]:
    """Serves the API and the page; gives where."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(here.folder, here.environment, ["-m", "workers.asgi", "--port", str(port)]):
        until(lambda: answers(f"{url}/healthz"), what="the API answers", timeout_s=WAIT_S)
        yield url


@contextmanager
def flower(here: Installation) -> Iterator[str]:
    """Serves Flower; gives where."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = ["-m", "celery", "-A", "workers", "flower", f"--port={port}", "--address=127.0.0.1"]
    apart = here.folder / "flower"  # its log would have the name of the worker's
    apart.mkdir()
    with started(apart, here.environment | {"FLOWER_UNAUTHENTICATED_API": "1"}, program):
        until(lambda: answers(f"{url}/healthcheck"), what="Flower answers", timeout_s=WAIT_S)
        yield url


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def dump(here: Installation) -> str:
    """Gives every row of every table as text, and with SQLite the files themselves."""
    found = []
    tables = sa.MetaData()
    with here.store.writing() as connection:
        tables.reflect(connection)
        for table in tables.sorted_tables:
            found += [str(tuple(row)) for row in connection.execute(sa.select(table))]
    files = [one.read_bytes().decode("latin-1") for one in here.folder.glob("*.db*")]
    return "\n".join(found + files)


def token(here: Installation, name: str, role: str, *more: str) -> dict[str, str]:
    made = here.run("-m", "workers.admin", "token", name, role, *more)
    assert made.returncode == 0, made.stderr
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


@pytest.mark.timeout(300)
def test_a_secret_is_nowhere_to_be_read(  # noqa: PLR0915 - one installation, all doors
    running: tuple[Installation, list[str]],
) -> None:
    here, traffic = running
    marker = "xyzzy-Marker-4711"
    book = here.folder / "book"
    said: list[str] = []
    with web(here) as url, flower(here) as seen:
        root = token(here, "root", "admin")
        acme = token(here, "acme", "vendor", "--vendor", "acme")
        cases: list[dict[str, bool]] = [{}, {"fails": True}, {"waits": True}, {"waits": True}]

        ids = [
            here.door.submit(Confide(book=str(book), word=Secret(marker), **case)).id
            for case in cases
        ]
        ids += [
            one.id for one in here.door.submit_many([Confide(book=str(book), word=Secret(marker))])
        ]
        for case in cases:
            parameters = {"book": str(book), "word": marker, **case}
            asked = httpx.post(
                f"{url}/api/v1/commands",
                json={"kind": "mine.confide", "parameters": parameters},
                headers=root | {"Idempotency-Key": str(len(ids))},
            )
            said.append(asked.text)
            assert asked.status_code == 201, asked.text
            ids.append(asked.json()["id"])
        wrong = {"book": str(book), "word": [marker], "fails": "maybe", "what": 1}
        refused = httpx.post(
            f"{url}/api/v1/commands",
            json={"kind": "mine.confide", "parameters": wrong},
            headers=root,
        )
        assert refused.status_code == 422
        by_hand = here.environment | {
            "ORCHESTRATOR_API_URL": url,
            "ORCHESTRATOR_TOKEN": root["Authorization"].removeprefix("Bearer "),
            "WORD": marker,
        }
        words = ["submit", "mine.confide", "-p", f"book={book}", "--secret", "word=env:WORD"]
        typed = Installation(folder=here.folder, environment=by_hand, door=here.door)
        done = typed.run("-m", "orchestrator", *words, "-o", "json")
        assert done.returncode == 0, done.stderr
        ids.append(json.loads(done.stdout)["id"])
        said += [refused.text, done.stdout, done.stderr]

        waiting = [one for number, one in enumerate(ids) if number in (2, 3, 7, 8)]
        until(lambda: all(waits(here, one) for one in waiting), what="they wait", timeout_s=WAIT_S)
        claim = httpx.post(f"{url}/api/v1/external-tasks/claim", json={"limit": 4}, headers=acme)
        given = {one["root_id"]: one for one in claim.json()["items"]}
        assert all(one["data"] == {"word": marker} for one in given.values())
        for one in (waiting[0], waiting[2]):
            here.door.stop(one, "enough")
        for one in waiting:
            status = "aborted" if one in (waiting[0], waiting[2]) else "succeeded"
            news = {"status": status, "message": f"signed with {marker}", "result": [marker]}
            task = f"{url}/api/v1/external-tasks/{given[one]['id']}"
            told = httpx.patch(task, json=news, headers=acme)
            assert told.status_code in (200, 409), told.text  # it may be stopped already
            again = httpx.patch(task, json=news, headers=acme)
            assert again.status_code == told.status_code, again.text
            said += [told.text, again.text]
        until(
            lambda: all(here.door.get(one).status.is_final for one in ids),
            what="all have ended",
            timeout_s=WAIT_S,
        )

        for one in ids:
            for part in here.door.tree(one):
                paths = ("", "/tree", "/events")
                said += [
                    httpx.get(f"{url}/api/v1/commands/{part.command_id}{path}", headers=root).text
                    for path in paths
                ]
                said.append(httpx.get(f"{seen}/task/{part.command_id}").text)
                said.append(httpx.get(f"{seen}/api/task/info/{part.command_id}").text)
            said.append(httpx.get(f"{url}/commands/{one}", headers=root).text)
        said.append(typed.run("-m", "orchestrator", "show", ids[-1], "-o", "json").stdout)
        accept = root | {"Accept": "application/json"}
        for path in (
            "commands?parts=true&limit=500",
            "feed?after=0",
            "kinds",
            "external-tasks",
            "openapi.json",
        ):
            said.append(httpx.get(f"{url}/api/v1/{path}", headers=accept).text)
        for path in ("api/tasks", "tasks", "workers"):
            said.append(httpx.get(f"{seen}/{path}").text)

    statuses = [here.door.get(one).status.value for one in ids]
    assert statuses[:2] == ["succeeded", "failed"]
    assert sorted(statuses) == ["failed"] * 2 + ["stopped"] * 2 + ["succeeded"] * 6
    assert "told True" in book.read_text()
    everything = "\n".join(said)
    assert "**********" in everything
    assert "$secret" not in everything
    assert marker not in everything
    assert marker not in dump(here)
    assert traffic
    assert marker not in "".join(traffic)
    logs = "\n".join(one.read_text() for one in here.folder.rglob("*.log"))
    assert "tells" in logs
    assert "told" in logs
    assert marker not in logs


def waits(here: Installation, command_id: str) -> bool:
    """Tells whether the vendor's part is under way."""
    tree = here.door.tree(command_id)
    return any(one.kind == "external" and one.status.value == "waiting" for one in tree)


def test_a_rotation_rewrites_all_that_is_stored(running: tuple[Installation, list[str]]) -> None:
    here, _ = running
    both = here.environment | {"ORCHESTRATOR_SECRET_KEY": f"{NEW},{OLD}"}
    new = here.environment | {"ORCHESTRATOR_SECRET_KEY": NEW}
    here.door.submit(Confide(book=str(here.folder / "book"), word=Secret("another"), waits=True))
    until(
        lambda: not here.door.store.due(here.door.store.now(), 10),
        what="all is quiet",
        timeout_s=WAIT_S,
    )

    def reencrypt(environment: dict[str, str]) -> dict[str, object]:
        done = Installation(folder=here.folder, environment=environment, door=here.door).run(
            "-m", "workers.admin", "reencrypt"
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    first = reencrypt(both)
    assert first["changed"]
    assert first["left"] == 0
    assert reencrypt(new) == {**first, "changed": 0}


@pytest.mark.parametrize("key", ["s3cret", "s3cret," * 3])
def test_a_wrong_key_stops_a_program_with_a_sentence_that_has_it_not(
    running: tuple[Installation, list[str]], key: str
) -> None:
    here, _ = running
    wrong = Installation(
        folder=here.folder,
        environment=dict(os.environ) | here.environment | {"ORCHESTRATOR_SECRET_KEY": key},
        door=here.door,
    )

    done = wrong.run("-m", "workers.admin", "current")

    assert done.returncode == 1
    assert "is no key" in done.stderr
    assert "s3cret" not in done.stderr
