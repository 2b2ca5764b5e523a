"""One declaration per route: the host gets a function, the route table a row, and neither can forget what the other knows.

The catch-all, the OpenAPI document and the tests read the table; a route without a scope cannot be written, one that is
open says so. The host refuses routes that start with `runtime`, hence the version in front of every one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from shared.access.binding import BindingStatus
from shared.http import query
from shared.http.headers import Deprecation
from shared.http.message import Request, Response
from shared.http.problem import problem
from shared.http.query import Parameter
from shared.http.routes import OPEN, Answers, Handler, Raised, Route, RouteTable
from shared.kernel.trace import trace_id_of

Serve = Callable[[Request, df.DurableOrchestrationClient], Awaitable[Response]]


@dataclass
class Endpoints:
    blueprint: df.Blueprint
    serve: Serve
    table: RouteTable = field(default_factory=RouteTable)

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        scope: str | tuple[str, ...] | None,
        action: str,
        answers: Answers,
        raises: tuple[Raised, ...] = (),
        governed: bool = False,
        absolute: bool = False,
        reads: Mapping[str, Parameter] | None = None,
        deprecation: Deprecation | None = None,
        bindings: frozenset[BindingStatus] = OPEN,
    ) -> Callable[[Handler], Handler]:
        """Declare a route. `scope`: any of them opens it, None is open to all; `answers`: status -> type of the document,
        or the `Page` of a list; `raises`: errors of its own (those of every route of its kind are known:
        `shared.http.openapi.failures`); `reads`: its query parameters; `deprecation`, `bindings`: as in `Route`."""
        scopes = (scope,) if isinstance(scope, str) else scope

        def declare(handler: Handler) -> Handler:
            route = Route(
                method,
                path,
                scopes,
                governed,
                action,
                handler,
                absolute=absolute,
                query=reads or {},
                answers=answers,
                raises=raises,
                deprecation=deprecation,
                bindings=bindings,
            )
            self.table.add(route)
            self.bind(handler.__name__, route.full_path.removeprefix("/"), [method])
            return handler

        return declare

    def bind(self, name: str, template: str, methods: list[str]) -> None:
        """Give the host a function of that name for the route."""

        async def function(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
            return await self._answer(req, client)

        function.__name__ = name
        bound = self.blueprint.durable_client_input(client_name="client")(function)
        self.blueprint.route(route=template, methods=methods, auth_level=func.AuthLevel.ANONYMOUS)(bound)

    async def _answer(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        try:
            request = requested(req)
        except Exception as error:  # a query that cannot be read is the caller's fault and gets a problem like any other
            return rendered(problem(error, urlsplit(req.url).path, trace_id_of(req.headers.get("traceparent"))))
        return rendered(await self.serve(request, client))


def requested(req: func.HttpRequest) -> Request:
    """The host's request as ours. Raises `MalformedRequest` for a query that cannot be read."""
    url = urlsplit(req.url)
    headers = {name.lower(): value for name, value in req.headers.items()}
    pairs = query.pairs_of(url.query)
    return Request(req.method.upper(), url.path, pairs, headers, req.get_body(), f"{url.scheme}://{url.netloc}")


def rendered(answer: Response) -> func.HttpResponse:
    """Our answer as the host's."""
    fields = dict(answer.headers)
    mimetype = fields.pop("Content-Type", "application/json")
    return func.HttpResponse(answer.body, status_code=answer.status, headers=fields, mimetype=mimetype)
