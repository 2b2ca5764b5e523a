"""How SQL filters compute: with three truths. What is unknown (None) makes unknown whatever depends on it, and a message
is let through by what is true alone."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Truth = bool | None

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


def compared(sign: str, left: Any, right: Any) -> Truth:
    """Unknown for what cannot be compared: a number with a text, say."""
    return COMPARISONS[sign](left, right) if _comparable(left, right) else None


def computed(sign: str, left: Any, right: Any) -> Any:
    texts = isinstance(left, str) and isinstance(right, str)
    if texts and sign == "+":
        return left + right
    if not (_is_number(left) and _is_number(right)) or (sign in "/%" and right == 0):
        return None
    return ARITHMETIC[sign](left, right)


def both(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if left is None or right is None else bool(left and right)


def either(left: Truth, right: Truth) -> Truth:
    if left is True or right is True:
        return True
    return None if left is None or right is None else bool(left or right)


def negated(value: Any) -> Truth:
    return not value if isinstance(value, bool) else None


def among(value: Any, others: Sequence[Any]) -> Truth:
    found: Truth = False
    for other in others:
        found = either(found, compared("=", value, other))
    return found


def like(value: Any, pattern: Any, escape: Any) -> Truth:
    """`%` any characters, `_` any one; `escape` before either makes it itself."""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    parts, characters = [], iter(pattern)
    for character in characters:
        if escape is not None and character == escape:
            parts.append(re.escape(next(characters, "")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    return (_is_number(left) and _is_number(right)) or type(left) is type(right)
