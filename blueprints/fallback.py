"""Whatever no declared route of the host takes: the un-versioned alias, HEAD, 405 with Allow, 404, other versions.

The host tries functions by name and the first match wins, so this one's name sorts last. It goes through the same route
table as everything else.
"""

from __future__ import annotations

from blueprints.endpoint import Endpoints

NAME = "zz_fallback"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def register(at: Endpoints) -> None:
    at.bind(NAME, "{*path}", METHODS)
