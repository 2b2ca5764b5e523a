"""Requests that nobody wrote: schemathesis makes them of the description, valid ones and others, and judges the answers.

Some lead to an environment that is there. The app is in this process: a request is a function call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks

import function_app
from shared.http import query
from shared.http.message import Request
from shared.kernel.errors import MalformedRequest
from tests.contract.app import BASE, TENANT, WHOLE, App
from tests.contract.shop import Shop

EXAMPLES = 8  # of an operation
# A schema cannot say everything: names that are taken, images without a tag, ids of what is not there.
NOT_JUDGED = [checks.positive_data_acceptance, checks.ensure_resource_availability, checks.use_after_free]
ROUNDS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Wsgi:
    """The app as schemathesis calls it."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.app = App()
        self.shop = runner.run(Shop(self.app).made())
        self.leads = False  # whether the ids of a request are replaced by those of the shop

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ["REQUEST_URI"]).partition("?")[0]  # as it was sent: PATH_INFO is decoded
        headers = {
            name.removeprefix("HTTP_").lower().replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        body = environ["wsgi.input"].read()
        try:
            pairs = query.pairs_of(environ["QUERY_STRING"])
        except MalformedRequest:  # `Endpoints` answers those, before the pipeline
            start_response("400 Bad Request", [])
            return [b""]
        request = Request(environ["REQUEST_METHOD"], path, pairs, headers, body, BASE)
        answer = self.runner.run(self.app.serve(request))
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        start_response(status, list(answer.headers.items()))
        return [answer.body]


@pytest.fixture(scope="module")
def wsgi() -> Iterator[Wsgi]:
    with asyncio.Runner() as runner:
        yield Wsgi(runner)


@pytest.fixture(scope="module")
def api(wsgi: Wsgi) -> Any:
    schema = schemathesis.openapi.from_wsgi("/v1/runtime/openapi.json", wsgi)

    @schema.hook
    def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        if path_parameters and wsgi.leads:
            return {name: wsgi.shop.ids.get(name, value) for name, value in path_parameters.items()}
        return path_parameters

    @schema.hook
    def map_body(_context: Any, body: Any) -> Any:
        if isinstance(body, dict) and wsgi.leads:
            own = {"tenantId": TENANT, "environmentId": wsgi.shop.ids["environmentId"]}
            return {**body, **{name: value for name, value in own.items() if isinstance(body.get(name), str)}}
        return body

    return schema


Mode = schemathesis.GenerationMode
ROUTES = list(function_app.endpoints.table)
OPERATIONS = [(route.method, route.full_path) for route in ROUTES]
READING = [  # something that can be wrong
    (route.method, route.full_path)
    for route in ROUTES
    if route.method != "GET" or (route.scopes is not None and ("{" in route.path or route.query))
]


def judged(operation: Any, mode: Mode, *excluded: Any) -> None:
    @ROUNDS
    @given(case=operation.as_strategy(generation_mode=mode))
    def judge(case: schemathesis.Case) -> None:
        rehearsed = (case.query or {}).get("dryRun") == "true"  # answers 200 with what is wrong
        answer = case.call(headers={"Authorization": f"Bearer {WHOLE}"})
        # 413 is a refusal, too, which the check does not know.
        refused = rehearsed or answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        more = [checks.negative_data_rejection] if refused else []
        case.validate_response(answer, excluded_checks=[*NOT_JUDGED, *excluded, *more])

    judge()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_valid_requests_are_answered_as_described(api: Any, wsgi: Wsgi, method: str, path: str) -> None:
    wsgi.leads = True
    judged(api[path][method], Mode.POSITIVE)


@pytest.mark.parametrize(("method", "path"), READING)
def test_invalid_requests_are_refused_as_described(api: Any, wsgi: Wsgi, method: str, path: str) -> None:
    wsgi.leads = False
    judged(api[path][method], Mode.NEGATIVE)


@pytest.mark.parametrize(("method", "path"), READING)
def test_invalid_requests_for_what_is_there_are_answered_as_described(api: Any, wsgi: Wsgi, method: str, path: str) -> None:
    wsgi.leads = True  # what was wrong with an id is right again
    judged(api[path][method], Mode.NEGATIVE, checks.negative_data_rejection)
