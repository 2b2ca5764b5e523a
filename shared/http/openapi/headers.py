"""Headers of requests and answers, each described once and referred to by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

from shared.http import headers, idempotency
from shared.http.call import Kept
from shared.http.openapi.schemas import Schema
from shared.http.routes import Route

_TEXT: Mapping[str, Any] = {"type": "string"}
_WHOLE: Mapping[str, Any] = {"type": "integer", "minimum": 1}

ALWAYS = frozenset({headers.SCHEMA_VERSION_HEADER, headers.CACHE_CONTROL, headers.WWW_AUTHENTICATE})  # where declared
DEPRECATION = ("Deprecation", "Sunset", "Link")

ANSWERED: Mapping[str, Schema] = {
    name: {"description": words, "required": name in ALWAYS, "schema": dict(schema)}
    for name, words, schema in (
        (headers.SCHEMA_VERSION_HEADER, "Version of the answers' shape.", {"const": headers.SCHEMA_VERSION}),
        (headers.CACHE_CONTROL, "Resources may be revalidated by their caller; all else is not stored.", _TEXT),
        (headers.ETAG, "Strong tag of what is answered.", {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}),
        (headers.LOCATION, "The resource.", {"type": "string", "format": "uri"}),
        (headers.OPERATION_LOCATION, "The operation to follow.", {"type": "string", "format": "uri"}),
        (headers.RETRY_AFTER, "Seconds to wait before asking again.", _WHOLE),
        (headers.WWW_AUTHENTICATE, "What is missing (RFC 6750).", _TEXT),
        (DEPRECATION[0], "Since when the route is deprecated (RFC 9745).", {"type": "string", "pattern": "^@[0-9]+$"}),
        (DEPRECATION[1], "When the route is expected to go away (RFC 8594).", _TEXT),
        (DEPRECATION[2], "Where to read about the deprecation.", _TEXT),
    )
}

_ASKED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "If-None-Match": ("Answered with 304 when it names what would be answered.", _TEXT),
    "If-Match": ("Answered with 412 unless it names the resource as its GET shows it.", _TEXT),
    idempotency.HEADER: (
        "The same key and request again is answered as before, for 24 hours.",
        {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "traceparent": ("W3C trace context; its trace id is the answer's traceId.", _TEXT),
}

PARAMETERS: Mapping[str, Schema] = {
    name: {"name": name, "in": "header", "required": False, "description": words, "schema": dict(schema)}
    for name, (words, schema) in _ASKED.items()
}


def revalidates(route: Route) -> bool:
    """Whether its answer has an ETag: resources, lists, and what never changes."""
    kept = get_type_hints(route.handler).get("return") is Kept
    return route.method == "GET" and (route.scopes is not None or kept)


def asked(route: Route) -> list[Schema]:
    """The request headers that a route reads."""
    conditional = ["If-None-Match"] if revalidates(route) else []
    names = conditional if route.method == "GET" else ["If-Match", idempotency.HEADER]
    return [{"$ref": f"#/components/parameters/{name}"} for name in [*names, "traceparent"]]


def answered(route: Route, *names: str) -> Schema:
    """The headers of one answer: its own, and those of every answer of the route."""
    every: Iterable[str] = (headers.SCHEMA_VERSION_HEADER, headers.CACHE_CONTROL, *names)
    deprecated = DEPRECATION if route.deprecation else ()
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*every, *deprecated)}
