"""What the tests read off a page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


def row(page: Page, command_id: str) -> Locator:
    """Gives the row of a command in the list."""
    return page.locator(f'.row[data-id="{command_id}"]')


def step(page: Page, label: str) -> Locator:
    """Gives a step of the timeline by its label."""
    return page.locator(".step", has=page.get_by_text(label, exact=True))


def open_parts(page: Page, command_id: str) -> None:
    """Opens the parts of a command in the list."""
    row(page, command_id).locator(".twist").click()
    expect(row(page, command_id)).to_have_attribute("aria-expanded", "true")
