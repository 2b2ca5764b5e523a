"""A SQL filter: read once, when the rule is written, into functions over a message's properties.

Not emulated: `@parameters` and `newid()`, which are refused as the syntax errors they are here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from localazure.service_bus.message import Message
from localazure.service_bus.rules import values
from localazure.service_bus.rules.properties import SYSTEM, Properties
from localazure.service_bus.rules.tokens import Token, tokens

LONGEST = 1024  # characters, Service Bus quotas

Expression = Callable[[Properties], Any]


class SqlFilter:
    """Raises `ValueError` for what is no SQL filter, or a system property that does not exist."""

    def __init__(self, expression: str) -> None:
        if len(expression) > LONGEST:
            raise ValueError(f"a SQL filter has at most {LONGEST} characters")
        self.expression = expression
        self._matches = _Reader(expression).read()

    def __call__(self, message: Message) -> bool:
        return self._matches(Properties(message)) is True


class _Reader:
    """Recursive descent: or, and, not, comparison, sum, product, sign, atom."""

    def __init__(self, expression: str) -> None:
        self._tokens = tokens(expression)
        self._at = 0

    def read(self) -> Expression:
        whole = self._any()
        if self._next.kind != "end":
            raise self._unexpected()
        return whole

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _unexpected(self) -> ValueError:
        return ValueError(f"not a SQL filter at {self._next.text or 'its end'!r}")

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, *words: str) -> str | None:
        return self._take().text.upper() if self._next.is_word(*words) else None

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise self._unexpected()

    def _any(self) -> Expression:
        left = self._all()
        while self._skip("OR"):
            left = _joined(values.either, left, self._all())
        return left

    def _all(self) -> Expression:
        left = self._not()
        while self._skip("AND"):
            left = _joined(values.both, left, self._not())
        return left

    def _not(self) -> Expression:
        return _denied(self._not()) if self._skip("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._skip("IS"):
            denied = self._skip("NOT")
            self._expect("NULL")
            return (lambda seen: left(seen) is not None) if denied else (lambda seen: left(seen) is None)
        denied = self._skip("NOT")
        if self._skip("IN"):
            found = self._in(left)
        elif self._skip("LIKE"):
            found = self._like(left)
        elif denied:
            raise self._unexpected()
        elif sign := self._skip(*values.COMPARISONS):
            return _joined(partial(values.compared, sign), left, self._sum())
        else:
            return left
        return _denied(found) if denied else found

    def _in(self, left: Expression) -> Expression:
        self._expect("(")
        others = [self._sum()]
        while self._skip(","):
            others.append(self._sum())
        self._expect(")")
        return lambda seen: values.among(left(seen), [other(seen) for other in others])

    def _like(self, left: Expression) -> Expression:
        pattern = self._sum()
        escape = self._sum() if self._skip("ESCAPE") else (lambda _: None)
        return lambda seen: values.like(left(seen), pattern(seen), escape(seen))

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._skip("+", "-"):
            left = _joined(partial(values.computed, sign), left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while sign := self._skip("*", "/", "%"):
            left = _joined(partial(values.computed, sign), left, self._signed())
        return left

    def _signed(self) -> Expression:
        sign = self._skip("+", "-")
        if sign is None:
            return self._atom()
        return _joined(partial(values.computed, sign), lambda _: 0, self._signed())

    def _atom(self) -> Expression:
        if self._skip("("):
            inner = self._any()
            self._expect(")")
            return inner
        token = self._take()
        if token.kind == "number":
            return _constant(float(token.text) if set(token.text) & set(".eE") else int(token.text))
        if token.kind == "text":
            return _constant(token.text)
        if token.kind == "name" and token.text.upper() in _CONSTANTS:
            return _constant(_CONSTANTS[token.text.upper()])
        if token.is_word("EXISTS"):
            return self._exists()
        self._at -= 1
        return self._property()

    def _exists(self) -> Expression:
        self._expect("(")
        named = self._property()
        self._expect(")")
        return lambda seen: named(seen) is not None

    def _property(self) -> Expression:
        first = self._name()
        if not self._skip("."):
            return lambda seen: seen.user(first)
        name, scope = self._name(), first.lower()
        if scope == "user":
            return lambda seen: seen.user(name)
        if scope != "sys" or name.lower() not in SYSTEM:
            raise ValueError(f"{first}.{name} is no property of a message")
        return lambda seen: seen.system(name)

    def _name(self) -> str:
        if self._next.kind not in ("name", "quoted"):
            raise self._unexpected()
        return self._take().text


_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


def _constant(value: Any) -> Expression:
    return lambda _: value


def _joined(compute: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    return lambda seen: compute(left(seen), right(seen))


def _denied(inner: Expression) -> Expression:
    return lambda seen: values.negated(inner(seen))
