"""How a simulated verb says no: a code and a text, as VDSM's own errors have them."""

from __future__ import annotations


class RefusalError(Exception):
    """A verb or a job refuses or fails with VDSM's error `code` and its `text`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class AbortedError(Exception):
    """The work was asked to stop and has seen it."""
