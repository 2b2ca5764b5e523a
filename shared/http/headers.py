"""Names of headers, and those that every answer carries.

`cs-schema-version` is on every answer without exception: a client decides with it whether it can read the rest. Answers are
`no-store` unless they are a resource somebody may revalidate, and then only for that somebody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

SCHEMA_VERSION = "1.0"

ALLOW = "Allow"
CACHE_CONTROL = "Cache-Control"
CONTENT_TYPE = "Content-Type"
ETAG = "ETag"
LOCATION = "Location"
OPERATION_LOCATION = "Operation-Location"
RETRY_AFTER = "Retry-After"
SCHEMA_VERSION_HEADER = "cs-schema-version"
WWW_AUTHENTICATE = "WWW-Authenticate"

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
NO_STORE = "no-store"
REVALIDATE = "private, no-cache"


def standard() -> dict[str, str]:
    """What every answer carries."""
    return {SCHEMA_VERSION_HEADER: SCHEMA_VERSION, CACHE_CONTROL: NO_STORE}


def resource(etag: str) -> dict[str, str]:
    """What a resource or a list carries, its 304 included."""
    return standard() | {CACHE_CONTROL: REVALIDATE, ETAG: etag}


def seconds(retry_after: float) -> str:
    """`Retry-After` in whole seconds, rounded up and never 0: zero would invite a busy loop."""
    return str(max(1, -int(-retry_after // 1)))


@dataclass(frozen=True)
class Deprecation:
    """A route on its way out: since when, until when, and where to read about it. Raises ValueError if it ends first."""

    since: datetime
    sunset: datetime
    link: str

    def __post_init__(self) -> None:
        if self.sunset < self.since:
            raise ValueError("Sunset must not be earlier than Deprecation (RFC 9745 §4)")

    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.sunset.astimezone(UTC), usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }
