"""HTTP triggers: from an ASGI request to the function's `HttpRequest` and back, with the real host's corners.

A wrong method is a 404 and never a 405; repeated query keys and headers are joined by commas; empty query values are
dropped; a body arrives only with a Content-Length (the host looks at nothing else); an unhandled exception is a 500 without
a body. All of it read in azure-functions-host (GrpcMessageConversionExtensions, HomepageMiddleware).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from azure.functions.meta import Datum
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from localazure.host.indexing import Function
from localazure.host.invocation import Invoker
from localazure.host.keys import Keys
from localazure.host.routes import compile_template, decode_path

log = logging.getLogger("localazure.host.http")
BODY_LIMIT = 104_857_600  # bytes; the host's own, 100 MB
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HOMEPAGE = (
    "<!DOCTYPE html><html><head><title>Functions host</title></head><body>The Functions host is running.</body></html>"
)
_DISABLE_HOMEPAGE = "AzureWebJobsDisableHomepage"
_URL_SAFE = "/%:@!$&'()*+,;=~-._"


class BodyTooLarge(Exception):
    """The request's body is longer than the host takes; answered with 413."""


@dataclass(frozen=True)
class Route:
    """One function's template, as the host maps it. No methods means every method."""

    function: Function
    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str]
    level: str


def routes_of(functions: Iterable[Function], prefix: str) -> list[Route]:
    """The routes of the HTTP functions, in the order of `functions`. Raises `NotEmulated`."""
    return [_route(function, prefix) for function in functions if function.kind == "httpTrigger"]


def _route(function: Function, prefix: str) -> Route:
    declared = function.trigger.get("route")
    template = "/".join(part for part in (prefix, (function.name if declared is None else declared).strip("/")) if part)
    return Route(
        function,
        template,
        compile_template(template, function.name),
        frozenset(str(method).upper() for method in function.trigger.get("methods") or ()),
        str(function.trigger.get("authLevel") or "function").lower(),
    )


class HttpTriggers:
    """The ASGI application for everything that is not the host's own."""

    def __init__(self, routes: list[Route], invoke: Invoker, keys: Keys) -> None:
        self.routes = routes
        self._invoke = invoke
        self._keys = keys

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route, in order, that takes `method` on the decoded `path`, and the parameters that are set."""
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if found and (not route.methods or method in route.methods):
                return route, {name: value for name, value in found.groupdict().items() if value is not None}
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = decode_path(raw_path(request))
        if path is None:
            return Response(status_code=400)
        found = self.match(request.method, path)
        if found is None:
            return _homepage() if path == "/" else Response(status_code=404)
        route, parameters = found
        if not self._keys.open(route.level, given_key(request)):
            return Response(status_code=401)
        try:
            data, headers = await _read(request, parameters)
        except BodyTooLarge:
            return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._run(route.function, data, headers)

    async def _run(self, function: Function, data: Datum, headers: dict[str, str]) -> Response:
        try:
            return _response(await self._invoke(function, data, headers=headers))
        except Exception:  # whatever the app raises is a 500 without a body, as in Azure
            log.exception("function %s failed", function.name)
            return Response(status_code=500)


def raw_path(request: Request) -> str:
    """The path as it came over the wire, percent-encoding and all."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.split(b"?")[0].decode("utf-8", "surrogateescape")


def given_key(request: Request) -> str:
    return request.headers.get("x-functions-key") or request.query_params.get("code") or ""


def _homepage() -> Response:
    if os.environ.get(_DISABLE_HOMEPAGE, "").lower() == "true":
        return Response(status_code=204)
    return HTMLResponse(HOMEPAGE)


async def _read(request: Request, parameters: dict[str, str]) -> tuple[Datum, dict[str, str]]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    body = await read_body(request)
    fields: dict[str, Any] = {
        "method": Datum(request.method, "string"),
        "url": Datum(_url(request), "string"),
        "headers": _texts(headers),
        "params": _texts(parameters),
        "query": _texts(_query(request)),
        "body": Datum(body if int(headers.get("content-length") or 0) > 0 else b"", "bytes"),
    }
    return Datum(fields, "http"), headers


def _texts(values: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _url(request: Request) -> str:
    path = quote(raw_path(request), safe=_URL_SAFE, errors="surrogateescape")
    query = request.scope["query_string"].decode("latin-1")
    return f"{request.url.scheme}://{request.headers.get('host', '')}{path}" + (f"?{query}" if query else "")


def _query(request: Request) -> dict[str, str]:
    spelled: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        values.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return {name: joined for name, given in values.items() if (joined := ",".join(given))}


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The whole body. Raises `BodyTooLarge` as soon as that is known, `ClientDisconnect` when it never came."""
    if int(request.headers.get("content-length") or 0) > limit:
        raise BodyTooLarge
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _response(datum: Datum | None) -> Response:
    if datum is None:
        return Response(status_code=200)
    if datum.type == "string":
        return Response(datum.value, media_type="text/plain")
    fields = datum.value
    response = Response(fields["body"].value, status_code=int(fields["status_code"].value))
    if response.status_code in (204, 304):
        del response.headers["content-length"]
    for name, value in fields["headers"].items():
        response.headers[name] = value.value
    for cookies in fields.get("cookies") or ():
        for morsel in cookies.values():
            response.headers.append("set-cookie", morsel.OutputString())
    return response
