"""Takes pictures of the page for the documents: `python -m tests.page.pictures docs/pictures`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from tests.page.conftest import CHROMIUM, FLAGS
from tests.page.reading import row, step
from tests.page.scene import set_scene
from tests.page.site import Site, running_site


def main(folder: Path) -> None:
    """Takes all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as directory, running_site(Path(directory)) as site:
        roots = set_scene(site)
        token = site.token("alice")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name, width, height, scheme in (
                ("light", 1360, 860, "light"),
                ("dark", 1360, 860, "dark"),
                ("phone", 390, 844, "light"),
            ):
                context = browser.new_context(
                    viewport=ViewportSize(width=width, height=height),
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                context.request.post(site.url + "/api/v1/session", data={"token": token})
                page = context.new_page()
                _take_list(page, site, roots, folder / f"commands-{name}.png")
                shown = roots["moving" if name == "dark" else "failed"]
                _take_command(page, site, shown, folder / f"command-{name}.png")
            browser.close()


def _take_list(page: Page, site: Site, roots: dict[str, str], path: Path) -> None:
    page.goto(site.url)
    expect(page.locator(".live")).to_have_text("Live")
    for name in ("moving", "clone"):
        row(page, roots[name]).locator(".twist").click()
        expect(page.get_by_text("Loading the parts")).to_have_count(0)
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)
    expect(row(page, roots["refused"])).to_be_visible()
    page.screenshot(path=path)


def _take_command(page: Page, site: Site, command_id: str, path: Path) -> None:
    page.goto(f"{site.url}/commands/{command_id}")
    expect(step(page, "Start mirror")).to_be_visible()
    expect(page.locator(".live")).to_have_text("Live")
    expect(page.locator(".inspector .pairs")).to_be_visible()
    page.screenshot(path=path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
