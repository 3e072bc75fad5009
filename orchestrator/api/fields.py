"""What may stand in a field: JSON that can be stored, texts that say something, spans that end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from orchestrator.core.sealed import SECRET, is_sealed

MOST_LEVELS = 100
MOST_S = 10 * 365 * 86_400.0
LEAST_INT, MOST_INT = -(2**63), 2**64 - 1


def check_json(value: Any) -> Any:
    """Gives the value back. Raises ValueError for what cannot be stored, or shown again."""
    stack = [(value, 1)]
    while stack:
        one, level = stack.pop()
        if level > MOST_LEVELS:
            raise ValueError(f"nested deeper than {MOST_LEVELS} levels; store it elsewhere")
        match one:
            case dict():
                if is_sealed(one):
                    raise ValueError(
                        f"{SECRET!r} marks what we encrypted; send secrets as they are"
                    )
                stack.extend((part, level) for part in one)
                stack.extend((part, level + 1) for part in one.values())
            case list():
                stack.extend((part, level + 1) for part in one)
            case str():
                check_text(one)
            case float() if not math.isfinite(one):
                raise ValueError("NaN and Infinity are no JSON numbers")
            case int() if not LEAST_INT <= one <= MOST_INT:
                raise ValueError("a whole number has more than 64 bits; write it as a text")
    return value


def check_text(text: str) -> str:
    """Gives the text back. Raises ValueError for characters that no database takes."""
    if "\x00" in text:
        raise ValueError("a text has the character NUL")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError("a text has half a character")
    return text


def check_not_blank(text: str) -> str:
    """Gives the text back. Raises ValueError when it says nothing."""
    if not text.strip():
        raise ValueError("only blanks; say something")
    return check_text(text)


def check_no_number(value: Any) -> Any:
    """Gives the value back. Raises ValueError for a number, which pydantic takes for seconds since 1970."""
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    raise ValueError("a number is no time; write it as ISO-8601 with its zone")


def check_no_bool(value: Any) -> Any:
    """Gives the value back. Raises ValueError for true and false, which pydantic takes for 1 and 0 seconds."""
    if isinstance(value, bool):
        raise ValueError("it is no span; write seconds or ISO-8601")  # noqa: TRY004 - for pydantic
    return value


def as_utc(at: datetime) -> datetime:
    """Gives the time in UTC. Raises ValueError where the calendar has none."""
    try:
        return at.astimezone(UTC)
    except OverflowError as problem:
        raise ValueError("the time lies beyond the calendar") from problem


Json = Annotated[Any, BeforeValidator(check_json)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(check_json)]
Words = Annotated[str, AfterValidator(check_text)]
Said = Annotated[str, AfterValidator(check_not_blank)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=MOST_S, allow_inf_nan=False)]
Span = Annotated[
    timedelta, BeforeValidator(check_no_bool), Field(gt=timedelta(0), le=timedelta(seconds=MOST_S))
]
Moment = Annotated[AwareDatetime, BeforeValidator(check_no_number), AfterValidator(as_utc)]


async def refuse_unknown_words(request: Request) -> None:
    """Raises RequestValidationError for a word in the query that the route does not know, and for NUL in any."""
    wrong: list[dict[str, Any]] = []
    if request.query_params:
        known = set(_query_words(request.scope["route"].dependant))
        said = f"there is no such word; known are: {', '.join(sorted(known)) or 'none'}"
        wrong = [
            {"type": "extra_forbidden", "loc": ("query", word), "msg": said}
            for word in request.query_params
            if word not in known
        ]
    texts = (*request.query_params.multi_items(), *request.path_params.items())
    wrong += [
        {"type": "value_error", "loc": (word,), "msg": "a text has the character NUL"}
        for word, text in texts
        if "\x00" in str(text)
    ]
    if wrong:
        raise RequestValidationError(wrong)


def _query_words(dependant: Dependant) -> Iterator[str]:
    yield from (one.alias for one in dependant.query_params)
    for below in dependant.dependencies:
        yield from _query_words(below)
