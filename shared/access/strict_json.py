"""JSON that two readers cannot understand differently.

Tokens, key sets and policy decisions are read here. A member given twice, NaN, Infinity, a lone surrogate or nesting that
exhausts the stack is a ValueError: `{"allow": false, "allow": true}` must never depend on which parser looked.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(raw: bytes) -> Any:
    """Parse UTF-8 JSON. Raises ValueError for everything that is not exactly one unambiguous document."""
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
