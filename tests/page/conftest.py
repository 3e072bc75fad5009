"""Fixtures for the tests of the page: a site with a busy scene, a browser, signed-in pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from orchestrator.core.access import Role
from tests.page.scene import set_scene
from tests.page.site import Site, running_site

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000


@dataclass(frozen=True, slots=True)
class Scene:
    """The site of the whole run, and the ids of its commands by name."""

    site: Site
    roots: dict[str, str]
    token: str

    def url(self, path: str) -> str:
        """Gives the address of a path."""
        return self.site.url + path

    def command_url(self, name: str) -> str:
        """Gives the address of one command of the scene."""
        return self.url(f"/commands/{self.roots[name]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies in this folder, and skips it where there is no browser."""
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        item.add_marker(pytest.mark.page)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="chromium is not on the PATH"))


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A running site with a busy scene. Tests change only commands of their own."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield Scene(site, set_scene(site), site.token("alice"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for the whole run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the pages of a test complain of: errors of scripts, breaches of the security policy."""
    heard: list[str] = []
    yield heard
    assert not heard


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, scene: Scene, complaints: list[str]) -> Iterator[OpenPage]:
    """Opens pages that are signed in: `open_page(path, width=…, role=…, dark=…)`."""
    contexts = []

    def open_one(
        url: str = "/",
        *,
        width: int = 1360,
        height: int = 860,
        dark: bool = False,
        token: str | None = scene.token,
        site: Site = scene.site,
        at: str | None = None,
    ) -> Page:
        context = browser.new_context(
            viewport=ViewportSize(width=width, height=height),
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if token:
            assert context.request.post(
                (at or site.url) + "/api/v1/session", data={"token": token}
            ).ok
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _hear(message.text, complaints))
        page.goto(url if url.startswith("http") else site.url + url)
        return page

    yield open_one
    for context in contexts:
        context.close()


def _hear(text: str, complaints: list[str]) -> None:
    # An answer such as 401 is noted by the browser as well; that is no fault of the page.
    if "Content Security Policy" in text or "Uncaught" in text:
        complaints.append(text)


@pytest.fixture(scope="session")
def viewer_token(scene: Scene) -> str:
    """The token of one who may only look."""
    return scene.site.token("victor", Role.VIEWER)
