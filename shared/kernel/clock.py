"""Time and chance as dependencies: whoever decides something is given both, so that a test can decide them.

Instants are UTC and are written as RFC 3339 with `Z`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.kernel.ids import DIGITS

Clock = Callable[[], datetime]
Draw = Callable[[], str]

_LAST = 10**14  # in milliseconds: the year 5138
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def draw() -> str:
    """16 random hex digits."""
    return secrets.token_hex(DIGITS // 2)


def newest_first(at: datetime) -> str:
    """A fixed-width text that sorts later instants before earlier ones (the log-tail pattern of Table Storage)."""
    return f"{_LAST - (at - _EPOCH) // timedelta(milliseconds=1):014d}"  # in integers: floats round two instants to one


def text(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`, as every answer and event writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
