"""A request and a response as the pipeline sees them, whoever the server is.

The path stays as it was sent: what was percent-encoded stays so until a route has been found, because a decoded `%2F` would
be a separator that the caller did not write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    method: str  # upper case
    path: str  # raw: percent-encoded, without the query
    query: tuple[tuple[str, str], ...] = ()  # decoded pairs in the caller's order; see `query.pairs_of`
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    base_url: str = ""  # scheme and authority, without a slash at the end


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
