"""From a parsed body to a record, or to errors by field.

Two kinds of wrong (contract/decisions.md, Errors): what is not this route's shape (a missing field, an unknown one, another
JSON type) is `MalformedRequest`, 400; well-typed values that are not acceptable are `ValidationFailed`, 422. If both occur,
everything is reported at once, as 400. Nothing is coerced: "2" is not 2.

Messages are ours, chosen by pydantic's error type, because some of its texts repeat the input. A validator's `ValueError`
is shown as it is: validators say what is wanted and never what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from shared.http.body import MAX_ERRORS, item, member
from shared.kernel.errors import MalformedRequest, ValidationFailed
from shared.kernel.record import Record

Model = TypeVar("Model", bound=Record)

MAX_MESSAGE = 200  # characters
NOT_ACCEPTABLE = "is not acceptable"

_BUILT_IN = frozenset(get_args(ErrorType))
_CHOICES = frozenset({"enum", "literal_error"})
_TYPES = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "datetime_type": "must be a date and time as a string",
    "list_type": "must be an array",
    "tuple_type": "must be an array",
    "set_type": "must be an array",
    "frozen_set_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "none_required": "must be null",
}
_SHAPE = _TYPES | {
    "json_invalid": "is not JSON",
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
}
_VALUES = {
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have {min_length} items or more",
    "too_long": "must have {max_length} items or fewer",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
    "datetime_parsing": "must be a date and time as in RFC 3339",
    "datetime_from_date_parsing": "must be a date and time as in RFC 3339",
    "timezone_aware": "must have a time zone",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "must name its kind",
}


@dataclass(frozen=True)
class _Fault:
    path: str
    union: str | None  # the path of the union whose branch complains, or None outside unions
    message: str
    is_shape: bool


def validate(model: type[Model], document: Mapping[str, Any]) -> Model:
    """`document`, as `body.parse` gave it, as a `model`. Raises `MalformedRequest` or `ValidationFailed`, never else.

    A domain error that a validator raises itself passes through.
    """
    try:
        return model.model_validate_json(json.dumps(document), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not _is_echo(detail)]
        faults = _telling(_fault(detail, document) for detail in details[: 4 * MAX_ERRORS])
    texts: dict[str, list[str]] = {}
    for fault in faults[:MAX_ERRORS]:
        said = texts.setdefault(fault.path, [])
        if fault.message not in said:
            said.append(fault.message)
    if any(fault.is_shape for fault in faults):
        raise MalformedRequest(texts)
    raise ValidationFailed(texts)


def _fault(detail: ErrorDetails, document: Mapping[str, Any]) -> _Fault:
    kind = detail["type"]
    path, union = _located(detail["loc"], document, names_last=kind in ("missing", "extra_forbidden"))
    if kind in _CHOICES and _is_of_another_type(detail):
        return _Fault(path, union, "must be a string", is_shape=True)
    return _Fault(path, union, _message(detail)[:MAX_MESSAGE], is_shape=kind in _SHAPE)


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether an array is called too short only because items of it are wrong: pydantic counts the right ones."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _is_of_another_type(detail: ErrorDetails) -> bool:
    """Whether strings were expected (pydantic quotes them) and something else came."""
    return str(detail["ctx"]["expected"]).startswith("'") and not isinstance(detail["input"], str)


def _message(detail: ErrorDetails) -> str:
    kind = detail["type"]
    template = _SHAPE.get(kind) or _VALUES.get(kind)
    if template is not None:
        return template.format_map(detail.get("ctx", {}))
    return NOT_ACCEPTABLE if kind in _BUILT_IN else detail["msg"]


def _located(loc: tuple[int | str, ...], document: Any, *, names_last: bool) -> tuple[str, str | None]:
    """The path of `loc` in `document`, and where a union was entered on the way.

    pydantic's locations also name union branches and dictionary keys; what cannot be followed in the document is such a
    name, except the last name of a field that is missing.
    """
    path, union, here = "", None, document
    for position, part in enumerate(loc):
        if isinstance(part, int) and isinstance(here, list) and part < len(here):
            path, here = item(path, part), here[part]
        elif isinstance(part, str) and isinstance(here, dict) and part in here:
            path, here = member(path, part), here[part]
        elif names_last and position == len(loc) - 1:
            path = member(path, str(part))
        elif part != "[key]":
            union = path if union is None else union
    return path, union


def _telling(faults: Iterable[_Fault]) -> list[_Fault]:
    """Without what the branches of a union say that were not meant: a branch whose type fits has more to say than one
    that wants another type."""
    every = list(faults)
    meant = {fault.union for fault in every if fault.union is not None and not _is_another_type(fault)}
    return [fault for fault in every if fault.union not in meant or not _is_another_type(fault)]


def _is_another_type(fault: _Fault) -> bool:
    return fault.path == fault.union and fault.message in _TYPES.values()
