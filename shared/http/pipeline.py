"""Every request takes one way, in one order, and this is it.

    path → token → body's tenant → scope → environment and its binding → request → (in the use case) governance

What is refused early says nothing about what is checked later: a foreign environment is as unknown as any, and a
caller without the scope learns nothing of the request's faults. A mutation loads, decides and commits once; when it
lost a race it is run again from its read, three times. Every authenticated mutating attempt leaves one log row: its own
commit's when it changed something, else one that says how it ended.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from shared.access.authoriser import Authoriser, require_scope
from shared.access.caller import Caller
from shared.http import headers, preconditions, query
from shared.http.body import parse
from shared.http.call import Found, Kept, Listing, Plain, Reading
from shared.http.cursor import Cursors
from shared.http.message import Request, Response
from shared.http.mutating import Attempt, Mutating
from shared.http.problem import problem, problem_of
from shared.http.routes import PREFIX, Match, Route, RouteTable
from shared.http.validation import validate
from shared.kernel import lines
from shared.kernel.errors import RuntimeCloudError, TenantMismatch
from shared.kernel.record import Record
from shared.kernel.telemetry import Span, SpanKind, span
from shared.kernel.trace import continued
from shared.operations.hub import Hub
from shared.operations.intent import Answer
from shared.operations.rehearsal import Rehearsal

log = logging.getLogger(__name__)

DRY_RUN = "dryRun"
OPERATION_RETRY_AFTER = 2.0  # seconds: what a client may wait between two looks at an operation


@dataclass
class Pipeline:
    table: RouteTable
    authoriser: Authoriser
    mutating: Mutating
    cursors: Cursors

    async def serve(self, request: Request, hub: Hub) -> Response:
        """Answer a request; never raises. The hub begins the operation behind a 202, and may fail: the sweep starts what
        was committed and never started."""
        parent = continued(request.headers.get("traceparent"))
        with span(request.method, SpanKind.SERVER, parent, http__request__method=request.method) as opened:
            response = await self._answer(request, hub, opened)
            opened.set(http__response__status_code=response.status)
        return response

    async def _answer(self, request: Request, hub: Hub, opened: Span) -> Response:
        trace_id = opened.trace_id
        head = request.method == "HEAD"
        extra: Mapping[str, str] = {}
        try:
            match = self.table.match(request.method, request.path)
            opened.rename(f"{match.route.method} {match.route.full_path}")
            opened.set(http__route=match.route.full_path)
            lines.add(module_id=match.params.get("serviceId"))
            extra = match.route.deprecation.headers() if match.route.deprecation else {}
            response = await self._matched(request, match, trace_id, hub)
        except Exception as error:  # the outermost place: whatever it is becomes a problem document, without its text
            if not _expected(error):
                log.exception("unhandled in %s", request.method)
                opened.fail(type(error).__name__)
            preconditioned = "if-match" in request.headers
            response = problem(error, request.path, trace_id, preconditioned=preconditioned)
        body = b"" if head else response.body
        return Response(response.status, {**response.headers, **extra}, body)

    async def _matched(self, request: Request, match: Match, trace_id: str, hub: Hub) -> Response:
        route = match.route
        if route.scopes is None:
            query.read(request.query, route.query)
            return self._rendered(request, await route.handler())
        caller = await self.authoriser.authenticate(request.headers.get("authorization"), trace_id)
        lines.add(tenant_id=caller.tenant_id)
        if route.method == "GET":
            require_scope(caller, route.scopes)
            return await self._read(request, match, caller)
        return await self._change(request, match, caller, hub)

    async def _read(self, request: Request, match: Match, caller: Caller) -> Response:
        values = query.read(request.query, match.route.query)
        filters = {name: str(value) for name, value in values.items() if name not in ("cursor", "limit")}
        after = ""
        if "cursor" in values:
            after = self.cursors.open(caller.tenant_id, match.route.action, filters, values["cursor"])
        found = await match.route.handler(Reading(caller, match.ids(), values, after))
        if isinstance(found, Listing):
            found = self._paged(request, match, caller, filters, found)
        return self._rendered(request, found)

    def _paged(self, request: Request, match: Match, caller: Caller, filters: Mapping[str, str], page: Listing) -> Found:
        document: dict[str, Any] = {**(page.members or {}), match.route.plural: list(page.items)}
        if page.after is not None:
            cursor = self.cursors.seal(caller.tenant_id, match.route.action, filters, page.after)
            document["nextLink"] = _link(request, match, cursor)
        return Found(document)

    async def _change(self, request: Request, match: Match, caller: Caller, hub: Hub) -> Response:
        route, attempt = match.route, self.mutating.attempt(caller, match)
        try:
            model = route.body
            document = self._permitted(request, attempt)
            if _is_dry_run(request):
                return _rehearsed(
                    await attempt.rehearse(document, lambda: self._validated(request, route, model, document))
                )
            answer = await attempt.run(
                request,
                document,
                lambda: self._validated(request, route, model, document),
                lambda: self._require_match(request, match, caller),
            )
        except Exception as error:  # recorded, then answered by `serve`
            await attempt.record(error)
            raise
        await self._told(hub, answer)
        return self._answered(request, answer, await self._etag(caller, answer))

    async def _etag(self, caller: Caller, answer: Answer) -> str | None:
        """Of what was created, as its GET shows it: an answer's own hash would never match there."""
        if answer.status != 201 or answer.location is None:
            return None
        match = self.table.match("GET", PREFIX + answer.location)
        try:
            found = await match.route.handler(Reading(caller, match.ids(), {}))
        except Exception:  # committed is committed, whatever its GET meets: the answer goes without
            log.exception("no ETag for %s", answer.location)
            return None
        return preconditions.etag_of(_json(found.document))

    def _permitted(self, request: Request, attempt: Attempt) -> dict[str, Any]:
        """The body, once tenant and scope are settled: who may not ask learns nothing about how it was asked."""
        caller, route = attempt.caller, attempt.match.route
        try:
            attempt.document = document = parse(request, optional=not route.needs_body)
        except RuntimeCloudError:
            require_scope(caller, route.scopes or ())
            raise
        if "tenantId" in document and document["tenantId"] != caller.tenant_id:
            raise TenantMismatch
        require_scope(caller, route.scopes or ())
        return document

    def _validated(
        self, request: Request, route: Route, model: type[Record] | None, document: Mapping[str, Any]
    ) -> Record | None:
        query.read(request.query, {**route.query, DRY_RUN: query.flag})
        body = validate(model or Record, document)  # a bare Record has no fields: where no body is read, any is unknown
        return body if model else None

    async def _told(self, hub: Hub, answer: Answer) -> None:
        try:
            if answer.operation is not None:
                await hub.start(answer.operation)
            if answer.wakes is not None:
                await hub.wake(answer.wakes.instance_id)
        except Exception:  # committed is committed, whatever the hub's client raises: sweep and polls make up for it
            log.exception("the hub was not told")

    async def _require_match(self, request: Request, match: Match, caller: Caller) -> None:
        """`If-Match` names a state of the resource that the path leads to: that of its GET."""
        if_match = request.headers.get("if-match")
        if if_match is None:
            return
        path = match.route.path
        while path and (reader := self._reader(path)) is None:
            path = path.rpartition("/")[0]
        etag = None
        if path and reader is not None and "{" in path:
            found = await reader.handler(Reading(caller, match.ids(), {}))
            etag = preconditions.etag_of(_json(found.document)) if isinstance(found, Found) else None
        preconditions.require_match(if_match, etag)

    def _reader(self, path: str) -> Route | None:
        return next((route for route in self.table if route.method == "GET" and route.path == path), None)

    def _answered(self, request: Request, answer: Answer, etag: str | None) -> Response:
        if answer.status == 204:
            return Response(204, headers.standard())
        body = _json(answer.body)
        fields = headers.standard() | {headers.CONTENT_TYPE: headers.JSON}
        if answer.location is not None:
            fields[headers.LOCATION] = f"{request.base_url}{PREFIX}{answer.location}"
        if answer.follow is not None:
            fields[headers.OPERATION_LOCATION] = f"{request.base_url}{PREFIX}/operations/{answer.follow}"
            fields[headers.RETRY_AFTER] = headers.seconds(OPERATION_RETRY_AFTER)
        if etag is not None:
            fields[headers.ETAG] = etag
        return Response(answer.status, fields, body)

    def _rendered(self, request: Request, found: Found | Kept | Plain) -> Response:
        body = found.body if isinstance(found, Kept) else _json(found.document)
        if isinstance(found, Plain):
            return Response(found.status, headers.standard() | {headers.CONTENT_TYPE: headers.JSON}, body)
        etag = found.etag if isinstance(found, Kept) else preconditions.etag_of(body)
        fields = headers.resource(etag)
        if preconditions.is_not_modified(request.headers.get("if-none-match"), etag):
            return Response(304, fields, b"")
        if isinstance(found, Found) and found.retry_after is not None:
            fields[headers.RETRY_AFTER] = headers.seconds(found.retry_after)
        return Response(200, fields | {headers.CONTENT_TYPE: headers.JSON}, body)


def _is_dry_run(request: Request) -> bool:
    return (DRY_RUN, "true") in request.query


def _rehearsed(rehearsal: Rehearsal) -> Response:
    """As `answers.DryRun`."""
    document = {
        "allowed": not rehearsal.obstacles,
        "obstacles": [_obstacle(error) for error in rehearsal.obstacles],
        "effects": [effect.document() for effect in rehearsal.effects],
    }
    return Response(200, headers.standard() | {headers.CONTENT_TYPE: headers.JSON}, _json(document))


def _obstacle(error: RuntimeCloudError) -> dict[str, Any]:
    """The code that the run would answer, what to do about it, and the fields it is about."""
    found = problem_of(error)
    return {"code": found.code, "message": found.detail(error), **found.members(error)}


def _link(request: Request, match: Match, cursor: str) -> str:
    """The next page: this request with the other cursor."""
    pairs = [(name, value) for name, value in request.query if name != "cursor"]
    return f"{request.base_url}{request.path}?{urlencode([*pairs, ('cursor', cursor)])}"


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _expected(error: BaseException) -> bool:
    return isinstance(error, RuntimeCloudError)
