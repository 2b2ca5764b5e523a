"""The whole document, and the bytes that are served."""

from __future__ import annotations

import json
from collections.abc import Iterable

from shared.http import preconditions
from shared.http.call import Kept
from shared.http.headers import SCHEMA_VERSION
from shared.http.openapi import operations
from shared.http.openapi.headers import ANSWERED, PARAMETERS
from shared.http.openapi.schemas import Schema, Schemas
from shared.http.routes import ALIAS, PREFIX, Route

OPENAPI = "3.1.1"
TOKEN_PATH = "connect/token"  # noqa: S105 - OpenIddict's own path; the issuer's discovery document names it too


def kept(routes: Iterable[Route], issuer: str) -> Kept:
    body = json.dumps(document(routes, issuer), ensure_ascii=False, separators=(",", ":")).encode()
    return Kept(body, preconditions.etag_of(body))


def document(routes: Iterable[Route], issuer: str) -> Schema:
    """`issuer`: of the access tokens, as the settings have it."""
    declared = list(routes)
    schemas = Schemas(
        (kind for route in declared for kind in operations.requested(route)),
        (kind for route in declared for kind in operations.told(route)),
    )
    paths: dict[str, Schema] = {}
    refusals: Schema = {}
    for route in declared:
        paths.setdefault(route.full_path, {})[route.method.lower()] = operations.operation(route, schemas, refusals)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Runtime & Cloud Platform",
            "version": SCHEMA_VERSION,
            "description": (
                f"{ALIAS}/… without a version is {PREFIX}/…. What answers GET answers HEAD too. An unknown query parameter "
                "or field is an error. Answers may grow by optional members. nextLink alone says whether a list goes on: a "
                "page that is filtered may be shorter than its limit, or empty, where what is wanted is rare."
            ),
        },
        "servers": [{"url": "/", "description": "Where this document came from."}],
        "tags": [{"name": name} for name in dict.fromkeys(operations.tag(route) for route in declared)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": dict(sorted(refusals.items())),
            "headers": dict(ANSWERED),
            "parameters": dict(PARAMETERS),
            "securitySchemes": {operations.SCHEME: _scheme(declared, issuer)},
        },
    }


def _scheme(routes: list[Route], issuer: str) -> Schema:
    """Every scope, with what it opens."""
    opened: dict[str, list[str]] = {}
    for route in routes:
        for scope in route.scopes or ():
            opened.setdefault(scope, []).append(f"{route.method} {route.path}")
    scopes = {scope: ", ".join(opened[scope]) for scope in sorted(opened)}
    token_url = f"{issuer.rstrip('/')}/{TOKEN_PATH}"
    return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": scopes}}}
