"""Command ids: UUIDs that tell which tree they belong to.

A root's id is random. A part's id starts with the first half of its root's, so that the rows of one tree
lie beside each other in every index, and ends with a number of its own; a unique prefix of the root's id is
enough for people, and `7f3e2a.4` names the fourth part of `7f3e2a`.
"""

from __future__ import annotations

import re
from uuid import UUID

WHOLE_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

_LOW_BITS = 62
_VARIANT = 0b10 << _LOW_BITS
_LATE = 1 << (_LOW_BITS - 1)
_LATE_DIGITS = 12  # numbers of late parts are longer, and hexadecimal


def is_whole_id(text: str) -> bool:
    """Says whether the text is written as all ids are: PostgreSQL refuses to compare others with an id."""
    return len(text) == 36 and re.match(WHOLE_ID, text) is not None


def root_id(random_bits: int) -> str:
    """Makes a root's id of 128 random bits."""
    return str(UUID(int=random_bits, version=4))


def part_id(root: str, number: int) -> str:
    """Gives the id of a part that was stored together with its root; `number` counts from 1."""
    return _with_low_bits(root, number)


def late_part_id(root: str, random_bits: int) -> str:
    """Makes the id of a part that was added later, of 61 random bits."""
    return _with_low_bits(root, _LATE | (random_bits & (_LATE - 1)))


def numbered(root: str, number: str) -> str:
    """Gives the id of the part that `short` writes with this number. Raises ValueError for no number."""
    low = int(number, 16) if len(number) > _LATE_DIGITS else int(number)
    return _with_low_bits(root, low & ((1 << _LOW_BITS) - 1))


def range_of_parts(root: str) -> tuple[str, str]:
    """Gives the least and the greatest id that a part of this root can have."""
    return _with_low_bits(root, 0), _with_low_bits(root, (1 << _LOW_BITS) - 1)


def short(command_id: str) -> str:
    """Gives what people read and type: `7f3e2a1c` for a root, `7f3e2a1c.4` for its fourth part."""
    low = UUID(command_id).int & ((1 << _LOW_BITS) - 1)
    if is_root(command_id):
        return command_id[:8]
    return f"{command_id[:8]}.{low:x}" if low & _LATE else f"{command_id[:8]}.{low}"


def is_root(command_id: str) -> bool:
    """Tells a root's id from a part's: parts carry version 8 in their last but one group's neighbour."""
    return command_id[14] == "4"


def _with_low_bits(root: str, low: int) -> str:
    digits = f"{_VARIANT | low:016x}"
    return f"{root[:14]}8{root[15:18]}-{digits[:4]}-{digits[4:]}"  # the version of a part is 8
