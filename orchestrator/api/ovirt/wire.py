"""What goes over the wire: oVirt's XML and JSON, read into and written from plain mappings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET  # writes only; what comes in is read by defusedxml

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from orchestrator.core.errors import BadInputError

Thing: TypeAlias = Mapping[str, Any]
"""A thing as JSON has it: texts, things, and lists of things."""

BODY_BYTES = 64 * 1024
MOST_DEPTH = 16
XML, JSON = "application/xml", "application/json"
ATTRIBUTES = ("href", "id", "rel")
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
WORDS = {"true": True, "1": True, "false": False, "0": False}


def read_thing(body: bytes, media_type: str, name: str) -> dict[str, Any]:
    """Reads a body whose root is `name`; an empty one is an empty thing. Raises BadInputError."""
    if not body.strip():
        return {}
    return _read_json(body) if "json" in media_type else _read_xml(body, name)


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInputError("the body is not JSON") from error
    if not isinstance(found, dict):
        raise BadInputError("the body is no JSON object")
    return found


def _read_xml(body: bytes, name: str) -> dict[str, Any]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadInputError(
            "the XML declares a document type or entities; leave them out"
        ) from error
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadInputError(f"the body is not XML: {error}") from error
    if root.tag != name:
        raise BadInputError(f"the body is <{root.tag}>; send <{name}>")
    return _thing_of(root, 1)


def _thing_of(element: ET.Element, depth: int) -> dict[str, Any]:
    if depth > MOST_DEPTH:
        raise BadInputError(f"the XML is nested deeper than {MOST_DEPTH} levels")
    found: dict[str, Any] = dict(element.attrib)
    for one in element:
        has_more = len(one) > 0 or one.attrib
        found[one.tag] = _thing_of(one, depth + 1) if has_more else (one.text or "")
    return found


def text_in(thing: Thing, name: str) -> str | None:
    """Gives a text of the thing, or None. Raises BadInputError for what is no text."""
    match thing.get(name):
        case None:
            return None
        case str() as text:
            return text
        case other:
            raise BadInputError(f"{name}: expected a text, got {type(other).__name__}")


def flag_in(thing: Thing, name: str, default: bool) -> bool:
    """Gives a truth value of the thing. Raises BadInputError for any other word."""
    match thing.get(name):
        case None:
            return default
        case bool() as value:
            return value
        case str() as text if text.strip().lower() in WORDS:
            return WORDS[text.strip().lower()]
        case other:
            raise BadInputError(f"{name}: expected true or false, got {str(other)[:50]!r}")


def number_in(thing: Thing, name: str, most: int) -> int | None:
    """Gives a whole number from 0 to `most`, or None. Raises BadInputError."""
    value = thing.get(name)
    if value is None:
        return None
    text = "" if isinstance(value, bool) else str(value).strip()
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > most:
        raise BadInputError(f"{name}: expected a number from 0 to {most}, got {str(value)[:50]!r}")
    return int(text)


def written(name: str, thing: Thing, *, as_json: bool) -> bytes:
    """Writes a thing as a document whose root is `name`."""
    if as_json:
        return json.dumps(thing).encode()
    # The declaration names the encoding, which some parsers want.
    document: bytes = ET.tostring(_element(name, thing), encoding="UTF-8", xml_declaration=True)
    return document


def _element(name: str, thing: Thing) -> ET.Element:
    element = ET.Element(name)
    for key, value in thing.items():
        match value:
            case str() if key in ATTRIBUTES:
                element.set(key, NOT_XML.sub("\ufffd", value))
            case str():
                ET.SubElement(element, key).text = NOT_XML.sub("\ufffd", value)
            case list():
                element.extend(_element(key, one) for one in value)
            case _:
                element.append(_element(key, value))
    return element
