"""What a query string may say: the parameters its route declares, each at most once.

A parameter nobody reads is an error and not ignored: whoever misspells a filter must not get an unfiltered answer. How a
value is read and what the API's description says of it stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_to_bytes

from shared.http.problem_table import shown
from shared.kernel.errors import MalformedRequest


@dataclass(frozen=True)
class Parameter:
    """`read` raises ValueError whose text says what is wanted; `schema` is the JSON Schema of the same."""

    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    required: bool = False


MAX_PAIRS = 50
MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_TEXT = 128
MAX_CURSOR = 2048


def pairs_of(raw_query: str) -> tuple[tuple[str, str], ...]:
    """The decoded pairs of a raw query string. Raises `MalformedRequest` for bad escapes, bad UTF-8, or too many."""
    parts = [part for part in raw_query.split("&") if part]
    if len(parts) > MAX_PAIRS:
        raise MalformedRequest({"": [f"the query has more than {MAX_PAIRS} parameters"]})
    split = (part.partition("=") for part in parts)
    return tuple((_decoded(name), _decoded(value)) for name, _, value in split)


def read(pairs: Sequence[tuple[str, str]], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values of the `declared` parameters that were given. Raises `MalformedRequest` naming every wrong one."""
    values: dict[str, Any] = {}
    given = {name for name, _ in pairs}
    missing = [name for name, parameter in declared.items() if parameter.required and name not in given]
    wrong: dict[str, list[str]] = {name: ["is required"] for name in missing}
    for name, value in pairs:
        parameter = declared.get(name)
        if parameter is None:
            wrong[shown(name)] = ["is not a parameter of this route"]
        elif name in values or name in wrong:
            wrong[name] = ["is given more than once"]
        else:
            try:
                values[name] = parameter.read(value)
            except ValueError as error:
                wrong[name] = [str(error)]
    if wrong:
        raise MalformedRequest(wrong)
    return values


def _text(value: str) -> str:
    """Reads 1 to 128 printable characters."""
    if not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise ValueError(f"must be 1 to {MAX_TEXT} printable characters")
    return value


def _flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def _instant(value: str) -> datetime:
    """Reads an RFC 3339 date and time with an offset."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("must be a date and time with an offset, as in RFC 3339")
    return at


def one_of(choices: type[StrEnum]) -> Parameter:
    """One of the members of `choices`."""

    def choice(value: str) -> StrEnum:
        try:
            return choices(value)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(choices)}") from None

    return Parameter(choice, {"type": "string", "enum": [str(one) for one in choices]})


def integer(low: int, high: int) -> Parameter:
    """A decimal integer from `low` to `high`, without sign or leading zeros."""

    def number(value: str) -> int:
        plain = value.isascii() and value.isdecimal() and len(value) <= len(str(high))
        if not plain or str(int(value)) != value or not low <= int(value) <= high:
            raise ValueError(f"must be an integer from {low} to {high}")
        return int(value)

    return Parameter(number, {"type": "integer", "minimum": low, "maximum": high})


def _cursor(value: str) -> str:
    """Reads a cursor's text; whether we issued it is for `cursor.Cursors` to say."""
    if not 0 < len(value) <= MAX_CURSOR or not value.isascii() or not value.isprintable():
        raise ValueError("is not a cursor of this list")
    return value


text = Parameter(_text, {"type": "string", "minLength": 1, "maxLength": MAX_TEXT})
flag = Parameter(_flag, {"type": "boolean"})
instant = Parameter(_instant, {"type": "string", "format": "date-time"})
cursor = Parameter(_cursor, {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR, "pattern": "^[ -~]+$"})

PAGED: Mapping[str, Parameter] = {"limit": integer(1, MAX_LIMIT), "cursor": cursor}
PAGED_IN_ENVIRONMENT: Mapping[str, Parameter] = {**PAGED, "environmentId": replace(text, required=True)}


def environment_page(values: Mapping[str, Any]) -> tuple[str, int]:
    """The environment a list is asked of, and the page's size."""
    return values["environmentId"], values.get("limit", DEFAULT_LIMIT)


def _decoded(part: str) -> str:
    plus = part.replace("+", " ")
    if _escapes_badly(plus):
        raise MalformedRequest({"": ["the query holds a malformed percent escape"]})
    try:
        return unquote_to_bytes(plus).decode("utf-8")
    except UnicodeError:
        raise MalformedRequest({"": ["the query is not UTF-8"]}) from None


def _escapes_badly(part: str) -> bool:
    return any(len(rest) < 2 or not _is_hex(rest[:2]) for rest in part.split("%")[1:])


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)
