"""How the text of a setting is read. Complaints never repeat the text: it may be a secret that slipped into the wrong line.

Each raises `ValueError` that says what is wanted.
"""

from __future__ import annotations

import math

MOST_SHARDS = 100  # their keys have two digits
LONGEST_HEARTBEAT = 30.0  # seconds: runtime.proto promises it


def names(text: str) -> frozenset[str]:
    return frozenset(part.strip().rstrip("/") for part in text.split(",") if part.strip())


def seconds(text: str) -> float:
    """Also of hours."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError("it needs a number, 0 or more")
    return value


def whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("it needs a whole number, 0 or more")
    return int(text)


def count(text: str) -> int:
    if (number := whole(text)) < 1:
        raise ValueError("it needs a whole number, 1 or more")
    return number


def shards(text: str) -> int:
    if not 1 <= (number := whole(text)) <= MOST_SHARDS:
        raise ValueError(f"it needs a number from 1 to {MOST_SHARDS}")
    return number


def heartbeat(text: str) -> float:
    if not 0 < (number := seconds(text)) <= LONGEST_HEARTBEAT:
        raise ValueError(f"it needs a number above 0, at most {LONGEST_HEARTBEAT:g}")
    return number


def flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


def key(text: str) -> bytes:
    if len(text) < 32:
        raise ValueError("it needs at least 32 characters")
    return text.encode()
