"""Addresses as people may see them: without their passwords."""

from __future__ import annotations

import re

HIDDEN = "***"
# Up to the last @ of one address: a password may hold any other character. A list has semicolons between addresses.
_LOGIN = re.compile(r"(://[^/@\s:;]*):[^;\s]*@")
_WORD = r"[^=&;?\s]*(?:pass|pwd|secret|token|credential)[^=&;?\s]*"
_QUERY = re.compile(rf"([?&;]{_WORD}=)[^&;\s]*", re.IGNORECASE)
_NAME = re.compile(r"(?:^|_)(?:password|secret|token|credentials?)(?:$|_)", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Gives a text in which every address has its password hidden: before the @, in the query, in lists."""
    return _QUERY.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1:{HIDDEN}@", text))


def is_secret_name(name: str) -> bool:
    """Tells whether what bears that name is a secret itself."""
    return _NAME.search(name) is not None
