"""Label and field selectors of a list, in the syntax of their query parameters.

Labels: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`. Fields: `metadata.name`, `metadata.namespace`,
`status.phase` and `spec.nodeName` with `=`, `==`, `!=`; others are refused with 400, as the API server does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localazure.kubernetes.status import Refusal

Test = Callable[[Mapping[str, Any]], bool]

_FIELDS = {"metadata.name", "metadata.namespace", "status.phase", "spec.nodeName"}
_KEY = r"[A-Za-z0-9][\w./-]*"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s+\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([\w.-]*)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")


def labels(text: str) -> Test:
    """A test of an object's labels. Raises 400 for what cannot be read."""
    tests = [_label(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]

    def matches(thing: Mapping[str, Any]) -> bool:
        held = thing["metadata"].get("labels") or {}
        return all(test(held) for test in tests)

    return matches


def _label(part: str) -> Test:
    if found := _SET.fullmatch(part):
        key, operator, values = found.groups()
        wanted = {value.strip() for value in values.split(",")}
        # A label that is absent is in no set, and so is "not in" any.
        return lambda held: (held.get(key) in wanted) == (operator == "in")
    if found := _EQUALITY.fullmatch(part):
        key, operator, value = found.groups()
        return lambda held: (held.get(key) == value) == (operator != "!=")
    if found := _EXISTS.fullmatch(part):
        absent, key = found.groups()
        return lambda held: (key in held) != bool(absent)
    raise Refusal(400, f"unable to parse requirement: {part!r}")


def fields(text: str) -> Test:
    """A test of an object's fields. Raises 400 for a field that is not selectable."""
    tests = [_field(part.strip()) for part in text.split(",") if part.strip()]
    return lambda thing: all(test(thing) for test in tests)


def _field(part: str) -> Test:
    found = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
    if found is None or found[1] not in _FIELDS:
        raise Refusal(400, f"field label not supported: {part}")
    section, name = found[1].split(".")
    return lambda thing: (str(thing.get(section, {}).get(name, "")) == found[3]) == (found[2] != "!=")


def chosen(query: Mapping[str, str]) -> Test:
    """What a list or a watch asks for by `labelSelector` and `fieldSelector`. Raises 400."""
    by_label, by_field = labels(query.get("labelSelector", "")), fields(query.get("fieldSelector", ""))
    return lambda thing: by_label(thing) and by_field(thing)


def matches_labels(selector: Mapping[str, Any], held: Mapping[str, str]) -> bool:
    """A LabelSelector (matchLabels and matchExpressions) against labels."""
    if any(held.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(row, held) for row in selector.get("matchExpressions") or ())


def _expression(row: Mapping[str, Any], held: Mapping[str, str]) -> bool:
    key, values = row["key"], row.get("values") or ()
    return {
        "In": held.get(key) in values,
        "NotIn": held.get(key) not in values,
        "Exists": key in held,
        "DoesNotExist": key not in held,
    }.get(row["operator"], False)
