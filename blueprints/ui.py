"""/ui: the operators' page. Static files only; whatever it shows it asks of the public routes, as any other client.

Not in the route table: it is no part of the API, and its paths are read by the page. The name sorts before the fallback's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import azure.functions as func

from blueprints.endpoint import Endpoints, rendered, requested
from shared.http.message import Request, Response
from shared.http.problem import problem
from shared.kernel.errors import MethodNotAllowed, NotFound, Transient
from shared.kernel.settings import BadSettings, Settings
from shared.kernel.trace import trace_id_of

if TYPE_CHECKING:
    from shared.http.static import Site

NAME = "ui"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ROOT = Path(__file__).resolve().parents[1]


def register(at: Endpoints, settings: Callable[[], Settings]) -> None:
    @at.blueprint.route(route="ui/{*path}", methods=METHODS, auth_level=func.AuthLevel.ANONYMOUS)
    async def ui(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return rendered(answer(requested(req), settings))
        except Exception as error:  # as everywhere: a problem document without its text
            trace_id = trace_id_of(req.headers.get("traceparent"))
            return rendered(problem(error, urlsplit(req.url).path, trace_id))


def answer(request: Request, settings: Callable[[], Settings]) -> Response:
    """The page, unless it is switched off. Raises `MethodNotAllowed`, `NotFound`, `Transient` while settings are bad."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"])
    try:
        known = settings()
    except BadSettings as bad:
        raise Transient("settings", retry_after=30.0) from bad
    if not known.page.served:
        raise NotFound("path", request.path)
    return _site(known.identity.issuer, known.page.client_id).answer(request)


@cache
def _site(issuer: str, client_id: str) -> Site:
    from shared.http.static import site  # at the first look at the page: the API's cold start does without

    return site(ROOT, issuer, client_id)
