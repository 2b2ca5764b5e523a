"""A JSON body, read so that nothing about it can be understood in two ways.

UTF-8 and `application/json` only, 256 KiB, one object, no member twice, no NaN or Infinity, no lone surrogate, integers
that every JSON reader keeps exactly (±2^53-1, RFC 7493 §2.2), 32 levels deep. What is wrong is reported with its path and
never with its value: bodies hold what people wish they had not sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from shared.http.message import Request
from shared.http.problem_table import shown
from shared.kernel.errors import BodyTooLarge, MalformedRequest, UnsupportedMediaType

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
MAX_DIGITS = len(str(MAX_INTEGER)) + 1  # and a sign
MAX_ERRORS = 50


def parse(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The body as an object; `{}` for none where it is `optional`.

    Raises `BodyTooLarge`, `UnsupportedMediaType`, `MalformedRequest`.
    """
    if len(request.body) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    if not request.body:
        if optional:
            return {}
        raise MalformedRequest({"": ["a JSON object is needed"]})
    if not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMediaType
    document = _decoded(request.body)
    wrong = _collected(document)
    if wrong:
        raise MalformedRequest(wrong)
    if not isinstance(document, dict):
        raise MalformedRequest({"": ["must be an object"]})
    return document


def member(path: str, name: str) -> str:
    """The path of member `name` in what stands at `path`."""
    return f"{path}.{shown(name)}" if path else shown(name)


def item(path: str, index: int) -> str:
    return f"{path}[{index}]"


def _is_json(content_type: str) -> bool:
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    given = [parameter.partition("=") for parameter in parameters if parameter]
    return essence == "application/json" and all(
        name.strip() == "charset" and value.strip().strip('"') in ("utf-8", "utf8") for name, _, value in given
    )


class _Wrong:
    """Stands in the document for what JSON allows to be written and we do not, until its path is known."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Repeating(dict[str, Any]):
    """An object some of whose members were given more than once."""

    repeated: tuple[str, ...] = ()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest({"": [f"is not UTF-8 at byte {error.start}"]}) from None
    except json.JSONDecodeError as error:
        raise MalformedRequest({"": [f"is not JSON at line {error.lineno}, column {error.colno}"]}) from None
    except RecursionError:
        raise MalformedRequest({"": [f"is nested deeper than {MAX_DEPTH} levels"]}) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = [name for name, _ in pairs]
    repeating = _Repeating(members)
    repeating.repeated = tuple(name for name in members if names.count(name) > 1)
    return repeating


def _constant(_name: str) -> _Wrong:
    return _Wrong("is not a JSON number")


def _integer(digits: str) -> int | _Wrong:
    if len(digits) <= MAX_DIGITS and abs(number := int(digits)) <= MAX_INTEGER:
        return number
    return _Wrong("is an integer beyond 2^53-1")


def _float(digits: str) -> float | _Wrong:
    number = float(digits)
    return number if math.isfinite(number) else _Wrong("is a number out of range")


def _collected(document: Any) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    for path, reason in _faults(document, "", 1):
        wrong.setdefault(path, []).append(reason)
        if len(wrong) == MAX_ERRORS:
            break
    return wrong


def _faults(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if not _is_text(value):
            yield path, "holds a lone surrogate"
    elif isinstance(value, _Wrong):
        yield path, value.reason
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield path, f"is nested deeper than {MAX_DEPTH} levels"
        elif isinstance(value, dict):
            yield from _members(value, path, depth)
        else:
            for index, inner in enumerate(value):
                yield from _faults(inner, item(path, index), depth + 1)


def _members(value: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Repeating):
        for name in value.repeated:
            yield member(path, name), "is given more than once"
    for name, inner in value.items():
        at = member(path, name)
        if not _is_text(name):
            yield at, "holds a lone surrogate"
        yield from _faults(inner, at, depth + 1)


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= mark <= "\udfff" for mark in value)
