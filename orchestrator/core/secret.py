"""A value that only verbs and adapters may read: whatever else looks at it sees a mask."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Generic, NoReturn, Protocol, TypeVar, get_args
from urllib.parse import quote, quote_plus
from weakref import WeakValueDictionary

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, SchemaSerializer, core_schema

T_co = TypeVar("T_co", covariant=True)

MASK = "**********"
MARK = "orchestrator_secret"  # in the schema of each type that holds a secret
SEALING = "orchestrator_sealing"  # in the context of a dump that is to be stored
LEAST = (
    3  # a shorter text is no secret: to mask it everywhere would make a riddle of every sentence
)
SHORT = 4  # a text shorter than that is masked only where it stands as a word of its own
LINE = 8  # a line of a longer text (a key in PEM) is masked by itself from that length on

# What is alive in this process, so that texts for people can be cleared of it. A dead secret leaves no trace here.
_alive: WeakValueDictionary[int, Secret[Any]] = WeakValueDictionary()


class Seals(Protocol):
    """Turns the JSON of a secret into what may be stored."""

    def seal(self, secret: Secret[Any], stored: Any) -> Any:
        """Gives JSON in which the secret cannot be read."""


class Secret(Generic[T_co]):
    """A value of a parameter or of a result that is encrypted at rest and masked for everyone but verbs and adapters.

    `Secret[str]` is a type for fields, as `Secret[T]` is for whatever else pydantic knows. `get_secret_value` gives
    the value. It is compared by its value, and is not pickled.
    """

    __slots__ = ("__weakref__", "_value")
    _value: T_co
    __pydantic_serializer__: Any  # for fields of type Any: set below

    def __init__(self, value: T_co) -> None:
        object.__setattr__(self, "_value", value)
        _alive[id(self)] = self

    def get_secret_value(self) -> T_co:
        """Gives the value itself."""
        return self._value

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("a secret does not change; make another one")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)  # type: ignore[arg-type]  # for `Field(min_length=...)`

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Secret[T_co]:
        return self

    def __deepcopy__(self, _: Any) -> Secret[T_co]:
        return self

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError(
            "a secret is not pickled; pass it on as a parameter or a result of a command"
        )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        inner = handler.generate_schema(next(iter(get_args(source)), Any))
        return core_schema.chain_schema(
            [  # the value is wrapped first: so errors show the mask for their input
                core_schema.no_info_plain_validator_function(_wrapped),
                core_schema.no_info_wrap_validator_function(_checked, inner),
            ],
            serialization=_serialization(inner),
            metadata={MARK: True},
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        inner = schema["steps"][1]["schema"] if schema["type"] == "chain" else schema
        found = dict(handler.resolve_ref_schema(handler(inner)))
        is_text = found.get("type") == "string"
        return found | ({"format": "password"} if is_text else {}) | {"writeOnly": True}


def masked_text(text: str) -> str:
    """Gives a text for people: every secret that is alive in this process is masked in it."""
    if not _alive or not text:
        return text
    alive = [one for ref in _alive.valuerefs() if (one := ref()) is not None]
    return mask_forms(text, {form for one in alive for form in forms(one)})


def mask_forms(text: str, forms: Collection[str]) -> str:
    """Gives a text with those texts masked in it; a short one only where it is a word of its own."""
    found = [one for one in forms if len(one) >= LEAST and one in text]
    for form in sorted(found, key=len, reverse=True):
        if len(form) >= SHORT:
            text = text.replace(form, MASK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", lambda _: MASK, text)
    return text


def forms(secret: Secret[Any]) -> Iterator[str]:
    """Gives the texts by which a secret can be read: as it is, and as JSON, Python and URLs write it."""
    for text in set(texts_in(secret.get_secret_value())):
        yield from {
            text,
            repr(text)[1:-1],
            json.dumps(text)[1:-1],
            quote(text, safe="", errors="replace"),
            quote_plus(text, errors="replace"),
            base64.b64encode(text.encode(errors="replace")).decode(),
            *(line for line in text.splitlines() if len(line) >= LINE),
        }


def texts_in(value: Any) -> Iterator[str]:
    """Gives the texts and numbers in a value, whatever it is made of; not those that say nothing."""
    match value:
        case None | bool() | "" | b"":
            return
        case str():
            yield str(value)
        case bytes():
            yield value.decode(errors="replace")
        case Secret():
            yield from texts_in(value.get_secret_value())
        case Mapping():
            yield from _texts_in_all(value.values())
        case list() | tuple() | set() | frozenset():
            yield from _texts_in_all(value)
        case BaseModel():
            yield from _texts_in_all(
                [*value.__dict__.values(), *(value.model_extra or {}).values()]
            )
        case Enum():
            yield from texts_in(value.value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from _texts_in_all(
                getattr(value, one.name, None) for one in dataclasses.fields(value)
            )
        case _:
            yield str(value)


def has_secrets(schema: Any) -> bool:
    """Tells whether a schema of pydantic's holds a secret anywhere."""
    stack = [schema]
    while stack:
        match stack.pop():
            case dict() as found:
                if MARK in found:
                    return True
                stack.extend(found.values())
            case list() | tuple() as found:
                stack.extend(found)
    return False


def _texts_in_all(values: Iterable[Any]) -> Iterator[str]:
    for one in values:
        yield from texts_in(one)


def _wrapped(value: Any) -> Secret[Any]:
    return value if isinstance(value, Secret) else Secret(value)


def _checked(secret: Secret[Any], handler: core_schema.ValidatorFunctionWrapHandler) -> Secret[Any]:
    try:
        return Secret(handler(secret.get_secret_value()))
    except ValidationError as problem:
        told = "; ".join(
            one["msg"] for one in problem.errors(include_url=False, include_input=False)
        )
    except (ValueError, AssertionError) as problem:
        told = str(problem)
    told = masked_text(told).replace("{", "(").replace("}", ")")  # braces would be filled in
    raise PydanticCustomError("secret", told)  # outside: it has no cause that echoes


def _serialization(inner: core_schema.CoreSchema) -> Any:
    return core_schema.wrap_serializer_function_ser_schema(
        _written, info_arg=True, schema=inner, when_used="always"
    )


def _written(
    value: Any,
    handler: core_schema.SerializerFunctionWrapHandler,
    info: core_schema.SerializationInfo,
) -> Any:
    secret = _wrapped(value)  # a default that was not checked may be a bare value
    sealing: Seals | None = (info.context or {}).get(SEALING)
    if sealing is not None:
        return sealing.seal(secret, handler(secret.get_secret_value()))
    return MASK if info.mode_is_json() else secret


Secret.__pydantic_serializer__ = SchemaSerializer(
    core_schema.any_schema(serialization=_serialization(core_schema.any_schema()))
)
