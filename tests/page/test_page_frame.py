"""The frame around the views: signing in, refusals, an API that is away, colours, other tabs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from orchestrator import Trouble
from tests.api.served import in_trouble
from tests.page.conftest import OpenPage, Scene
from tests.page.reading import row
from tests.page.site import running_site
from tests.page.works import Note, Work
from tests.services import free_port, until


def test_who_is_unknown_signs_in_with_a_token(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/", token=None)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").last).to_have_text("This token is unknown or was revoked.")

    page.get_by_label("Token").fill(scene.token)
    page.get_by_role("button", name="Sign in").click()

    expect(row(page, scene.roots["moving"])).to_be_visible()
    expect(page.locator(".who")).to_contain_text("alice · operator")
    expect(page.locator(".live")).to_have_text("Live")


def test_signing_out_leads_to_the_sign_in(open_page: OpenPage) -> None:
    page = open_page("/")

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_label("Token")).to_be_focused()


def test_who_may_only_look_is_told_so(scene: Scene, open_page: OpenPage, viewer_token: str) -> None:
    command_id = scene.site.submit(Work(text="Not for viewers"), owner="alice")
    page = open_page("/?q=viewers", token=viewer_token)

    stop = row(page, command_id).get_by_role("button", name="Stop")

    expect(stop).to_be_disabled()
    expect(stop).to_have_attribute("title", re.compile("'victor' has the role viewer"))
    expect(row(page, command_id).get_by_role("button", name="Restart")).to_be_hidden()
    expect(row(page, command_id).get_by_role("checkbox")).to_be_hidden()


def test_a_frozen_api_is_seen_by_its_silence(tmp_path: Path, open_page: OpenPage) -> None:
    port = free_port()
    apart = subprocess.Popen(
        [sys.executable, "-m", "tests.page.apart", str(tmp_path), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert apart.stdin
    assert apart.stdout
    with apart:
        try:
            token = apart.stdout.readline().strip()
            page = open_page(
                f"http://127.0.0.1:{port}/", token=token, at=f"http://127.0.0.1:{port}"
            )
            expect(page.locator(".live")).to_have_text("Live")

            apart.send_signal(signal.SIGSTOP)
            expect(page.locator(".live")).to_have_text(re.compile(r"^Last news \d+s ago$"))
            expect(page.locator(".live")).to_have_attribute("data-state", "silent")

            apart.send_signal(signal.SIGCONT)
            expect(page.locator(".live")).to_have_text("Live")
        finally:
            apart.kill()


def test_the_seventh_tab_loads_too_and_all_are_told(scene: Scene, open_page: OpenPage) -> None:
    first = open_page("/?q=seventh")
    tabs = [first, *(first.context.new_page() for _ in range(6))]
    for tab in tabs[1:]:
        tab.goto(f"{scene.site.url}/?q=seventh")
    for tab in tabs:
        expect(tab.locator(".live")).to_have_text("Live")

    submitted = scene.site.submit(Note(text="For the seventh tab"), owner="alice")

    for tab in (tabs[0], tabs[-1]):
        tab.bring_to_front()
        expect(row(tab, submitted)).to_be_visible()
    until(lambda: scene.site.listeners() <= 3, what="one stream serves all tabs of a browser")


def test_signing_out_ends_the_session_for_every_tab(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/")
    other = page.context.new_page()
    other.goto(scene.site.url)
    expect(other.locator(".live")).to_have_text("Live")

    page.bring_to_front()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    other.bring_to_front()

    expect(other.get_by_label("Token")).to_be_visible()


def test_a_revoked_token_ends_what_is_open(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/", token=scene.site.token("short-lived"))
    expect(page.locator(".live")).to_have_text("Live")

    scene.site.tokens.revoke("short-lived")
    scene.site.submit(Note(text="After the end"), owner="alice")

    expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("width", [390, 800, 1360])
def test_name_and_sign_out_are_there_at_every_width(open_page: OpenPage, width: int) -> None:
    page = open_page("/", width=width)

    expect(page.get_by_text("alice · operator")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_says_that_the_api_is_away_and_comes_back(
    tmp_path: Path, open_page: OpenPage
) -> None:
    port = free_port()
    with running_site(tmp_path, port) as site:
        first = site.submit(Note(text="Before the fall"), owner="alice")
        page = open_page("/", site=site, token=site.token("alice"))
        expect(row(page, first)).to_be_visible()
    expect(page.locator("#banner")).to_contain_text("The API does not answer")
    expect(page.locator(".live")).to_have_text("Reconnecting")
    expect(row(page, first)).to_be_visible()  # old news are better than none

    with running_site(tmp_path, port) as site:
        second = site.submit(Note(text="After the fall"), owner="alice")
        expect(row(page, second)).to_be_visible()
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator(".live")).to_have_text("Live")


def test_colours_follow_the_system_until_one_chooses(open_page: OpenPage) -> None:
    page = open_page("/", dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 19, 26)"

    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == "rgb(245, 246, 249)"
    page.reload()
    assert page.evaluate(ground) == "rgb(245, 246, 249)"

    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == "rgb(14, 19, 26)"


def test_workers_and_queues_have_a_tab(open_page: OpenPage) -> None:
    page = open_page("/")

    page.get_by_role("link", name="Workers").click()

    expect(page.get_by_role("table", name="Workers")).to_contain_text("Alive")
    expect(page.get_by_role("table", name="Queues")).to_contain_text("orchestrator")


def test_a_host_that_does_not_trust_us_is_named_with_what_to_do(
    scene: Scene, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "host1:54321 and we do not trust each other: certificate verify failed"
    trouble = Trouble("pool-1", "host1:54321", problem, "check ca.pem (whom we trust)")
    in_trouble(scene.site.stage, trouble, monkeypatch)

    page = open_page("/workers")

    table = page.get_by_role("table", name="Not reached")
    expect(table).to_contain_text("host1:54321")
    expect(table).to_contain_text("certificate verify failed")
    expect(table).to_contain_text("check ca.pem")


def test_locks_have_a_tab_that_names_who_holds_and_who_waits(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page("/locks")

    table = page.get_by_role("table", name="Locks")
    waiting = table.get_by_role("row").filter(has_text="Waited for")
    expect(waiting).to_contain_text("vm:vm-000")
    waiting.get_by_role("link").click()
    page.wait_for_url(scene.command_url("blocked"))


def test_flower_is_linked_where_there_is_one(open_page: OpenPage) -> None:
    page = open_page("/")

    expect(page.get_by_role("link", name="Flower")).to_have_attribute(
        "href", "http://127.0.0.1:5555/"
    )
