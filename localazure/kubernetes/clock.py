"""Times as the API server writes them: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def stamp(ahead: float = 0.0) -> str:
    """Of now, or of so many seconds later."""
    return (datetime.now(UTC) + timedelta(seconds=ahead)).strftime(_FORMAT)


def seconds_since(text: str) -> float:
    """How long ago a stamp was made."""
    return (datetime.now(UTC) - datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)).total_seconds()
