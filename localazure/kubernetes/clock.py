"""Times as the API server writes them: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def stamp() -> str:
    return datetime.now(UTC).strftime(_FORMAT)


def seconds_since(text: str) -> float:
    """How long ago a stamp was made."""
    return (datetime.now(UTC) - datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)).total_seconds()
