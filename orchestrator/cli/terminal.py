"""What a terminal is sent: foreign texts can be read there, and do nothing else.

Labels, messages and names come from vendors, outside systems and other users. A control sequence in one could move
the cursor, rename the window or fake a line; a bidirectional mark could turn what is read around; brackets could be
taken for markup of Rich's. So there is one console, on which nothing is markup, and one function for lines without it.
A house test sees to it that nothing else prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

# C0 but for the end of a line, DEL, C1; marks of direction, separators of lines, invisible tags.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Gives a text with what a terminal would obey, or a reader not see, shown as an escape."""
    return _UNSAFE.sub(_escape, text) if not text.isprintable() else text


def one_line(text: str) -> str:
    """Gives the text so on one line: an end of a line within it is shown as an escape too."""
    return visible(text).replace("\n", "\\n")


def safe_json(text: str) -> str:
    """Gives JSON that means the same, with such characters escaped as JSON does."""
    return _UNSAFE.sub(lambda found: _surrogates(found[0]), text)


def say(*texts: str, flush: bool = False) -> None:
    """Prints one plain line on stdout."""
    print(*(one_line(one) for one in texts), flush=flush)


def say_lines(text: str, *, flush: bool = False) -> None:
    """Prints lines of ours, such as JSON, on stdout."""
    print(visible(text), flush=flush)


class SafeConsole(Console):
    """A console that takes nothing for markup, and shows what would be obeyed as escapes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Renders, each segment of text made visible: whatever it was made of has come through here."""
        return _visible_segments(super().render(renderable, options))


def _visible_segments(segments: Iterable[Segment]) -> Iterator[Segment]:
    for one in segments:
        is_plain = one.control or one.text.isprintable() or one.text == "\n"
        yield one if is_plain else Segment(visible(one.text), one.style)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _surrogates(one: str) -> str:
    """Gives a character as JSON escapes it."""
    code = ord(one)
    if one in "\t":
        return one
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
