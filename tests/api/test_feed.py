"""The feed over HTTP: resumable, without gaps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Guarded, Note, Served, served
from tests.services import until

FEED = "/api/v1/feed"
JSON = {"Accept": "application/json"}


@pytest.fixture
def listener(house: Served, request: pytest.FixtureRequest) -> httpx.Client:
    return house.client(request.node.name, Role.VIEWER)


def events_of(stage: Stage, after: int = 0) -> list[int]:
    return [one.seq for one in stage.store.get_modified_commands(after, 100_000).items]


def changes(stream: Iterator[ServerSentEvent], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        sent = next(stream)
        if sent.event == "change":
            change = json.loads(sent.data)
            assert sent.id == str(change["seq"])
            found.append(change)
    return found


def test_a_page_gives_what_was_modified_since(viewer: httpx.Client, stage: Stage) -> None:
    stage.perform(Note())

    first = viewer.get(FEED, headers=JSON, params={"limit": 1}).json()
    rest = viewer.get(FEED, headers=JSON, params={"after": first["next_cursor"]}).json()
    nothing = viewer.get(FEED, headers=JSON, params={"after": rest["next_cursor"]}).json()

    assert [one["seq"] for one in (*first["items"], *rest["items"])] == events_of(stage)
    assert nothing == {"items": [], "next_cursor": rest["next_cursor"]}


def test_a_cursor_that_means_nothing_is_refused(viewer: httpx.Client) -> None:
    answer = viewer.get(FEED, headers=JSON, params={"after": "yesterday"})

    assert answer.status_code == 422


def test_a_new_listener_hears_what_happens_next(listener: httpx.Client, stage: Stage) -> None:
    stage.perform(Note())
    before = stage.store.get_modified_commands(0, 100_000).cursor

    with connect_sse(listener, "GET", FEED) as source:
        stream = source.iter_sse()
        ready = next(stream)
        stage.perform(Note(text="news"))
        news = events_of(stage, int(before or 0))
        heard = changes(stream, len(news))

    assert (ready.event, ready.id) == ("ready", before)
    assert heard[-1]["status"] == "succeeded"
    assert [one["seq"] for one in heard] == news


def test_a_lost_connection_is_resumed_without_gap_or_repeat(
    listener: httpx.Client, stage: Stage
) -> None:
    stage.perform(Note())
    wanted = len(events_of(stage))
    seen: list[int] = []

    for part in range(4):
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        params = {} if seen else {"after": "0"}
        with connect_sse(listener, "GET", FEED, headers=headers, params=params) as source:
            seen.extend(one["seq"] for one in changes(source.iter_sse(), wanted if not part else 2))
        stage.perform(Note())
        stage.perform(Note())

    everything = events_of(stage)
    assert seen == everything[: len(seen)]


def test_one_tree_may_be_listened_to(listener: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-feed"))
    stage.perform(Note())
    stage.play()

    with connect_sse(listener, "GET", FEED, params={"after": "0", "root_id": command_id}) as source:
        heard = changes(source.iter_sse(), 3)

    assert {one["root_id"] for one in heard} == {command_id}


def test_the_listeners_are_counted(listener: httpx.Client) -> None:
    def are_counted(number: int) -> bool:
        return f"orchestrator_feed_listeners {number}.0" in listener.get("/metrics").text

    until(lambda: are_counted(0), what="those of other tests have gone")
    with connect_sse(listener, "GET", FEED):
        until(lambda: are_counted(1), what="the listener is counted")
    until(lambda: are_counted(0), what="the listener has gone")


def test_a_quiet_feed_is_kept_alive(tmp_path: Path) -> None:
    with served(tmp_path, keep_alive_s=0.05) as house:
        listener = house.client("quiet", Role.VIEWER)
        with listener.stream("GET", FEED) as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith(": still here"):
                pass
