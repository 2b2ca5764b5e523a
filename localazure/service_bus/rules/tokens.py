"""A SQL expression in pieces."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>\[(?:[^\]]|\]\])+\]|"(?:[^"]|"")+")
      | (?P<name>[^\W\d]\w*)
      | (?P<sign><>|!=|<=|>=|[=<>(),.+*/%-])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """`kind`: number, text, quoted (a name in brackets or quotes), name, sign, or end."""

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        return self.kind in ("name", "sign") and self.text.upper() in words


END = Token("end", "")


def tokens(expression: str) -> list[Token]:
    """Raises `ValueError` for what is no token."""
    found, at, text = [], 0, expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not a SQL filter at {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        found.append(Token(kind, _plain(kind, match[kind])))
        at = match.end()
    return [*found, END]


def _plain(kind: str, text: str) -> str:
    if kind not in ("text", "quoted"):
        return text
    return text[1:-1].replace(text[-1] * 2, text[-1])
