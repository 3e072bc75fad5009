"""Everybody can use the page: axe finds no fault in any view, in either theme."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OpenPage, Scene

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
VIEWS = {
    "list": "/",
    "empty list": "/?q=nothing-is-called-so",
    "failed": "/commands/{failed}",
    "wide": "/commands/{inventory}",
    "blocked": "/commands/{blocked}",
    "workers": "/workers",
    "locks": "/locks",
    "unknown": "/commands/deadbeef",
}


def faults(page: Page) -> list[str]:
    """Gives what axe finds: the rule, and the first element that breaks it."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(scene: Scene, open_page: OpenPage, view: str, dark: bool) -> None:
    page = open_page(VIEWS[view].format(**scene.roots), dark=dark)
    expect(page.locator(".live")).to_have_text("Live")
    expect(page.locator("#view").get_by_text("Loading").locator("visible=true")).to_have_count(0)

    assert faults(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_sign_in_and_dialog(
    scene: Scene, open_page: OpenPage, dark: bool
) -> None:
    page = open_page("/", token=None, dark=dark)
    expect(page.get_by_label("Token")).to_be_visible()
    assert faults(page) == []

    page = open_page(scene.command_url("stuck"), dark=dark)
    page.locator(".command-head").get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("dialog").locator(".effect")).not_to_contain_text("Looking")
    assert faults(page) == []
