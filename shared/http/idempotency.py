"""The `Idempotency-Key` of a POST, as the IETF draft writes it (a structured-field string) and as people do (bare)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.kernel.errors import MalformedRequest

HEADER = "Idempotency-Key"
MAX_KEY = 255  # characters

_BARE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPE = re.compile(r"\\(.)")


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key in `headers` (names in lower case), or None without one. `"k"` and `k` are the same key.

    Raises `MalformedRequest` unless it is 1 to 255 printable ASCII characters.
    """
    value = headers.get(HEADER.lower())
    if value is None:
        return None
    key = _unquoted(value.strip(" \t"))
    if not key or len(key) > MAX_KEY:
        raise MalformedRequest({HEADER: [f"must be 1 to {MAX_KEY} printable ASCII characters"]})
    return key


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        found = _QUOTED.fullmatch(value)
        return _ESCAPE.sub(r"\1", found[1]) if found else ""
    return value if _BARE.fullmatch(value) else ""
