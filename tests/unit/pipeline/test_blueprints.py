"""What stands between the host and the platform: requests in and out, activities' outcomes, a start's input."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
import pytest

from blueprints import orchestrations, probes
from blueprints.endpoint import Endpoints
from blueprints.orchestrations import ACTIVITIES, ORCHESTRATORS, STARTED_BY, outcome, started
from blueprints.serving import Serving
from shared.http.call import Found, Reading
from shared.http.message import Request, Response
from shared.kernel.errors import (
    ConcurrentChange,
    EnvironmentNotReady,
    Refused,
    RuntimeCloudError,
    Superseded,
    Transient,
)
from shared.kernel.record import Record
from shared.kernel.settings import BadSettings
from shared.kernel.trace import trace_id_of
from shared.operations.model import Run
from shared.runtime.environments.activities import Deps
from shared.runtime.environments.ending import Ending
from shared.store.port import Conflict
from tests.unit.operations.world import World, run_of


class Answered(Record):
    some_name: str


OUTCOMES: list[tuple[BaseException, dict[str, Any]]] = [
    (Superseded("op-1", 1), {"superseded": True}),
    (Transient("arm", retry_after=7), {"transient": "arm", "after": 7}),
    (Refused("arm", "QuotaExceeded", "no cores"), {"refused": "QuotaExceeded", "message": "no cores"}),
    (ConcurrentChange(), {"transient": "tables", "after": 1.0}),
    (Conflict("row"), {"transient": "tables", "after": 1.0}),
]


@pytest.mark.parametrize(("error", "expected"), OUTCOMES)
async def test_how_an_activity_ended_is_data(error: BaseException, expected: dict[str, Any]) -> None:
    async def work() -> None:
        raise error

    assert await outcome("x", work) == expected


async def test_a_domain_error_is_refused_by_its_code() -> None:
    async def work() -> None:
        raise EnvironmentNotReady("env-1", "Failed")

    ended = await outcome("x", work)
    assert ended["refused"] == "EnvironmentNotReady"
    assert "env-1" in ended["message"]


@pytest.mark.parametrize("bug", [ValueError("password=hunter2"), KeyError("hunter2"), RuntimeCloudError("hunter2")])
async def test_a_bug_ends_the_operation_without_its_text(bug: BaseException) -> None:
    async def work() -> None:
        raise bug

    ended = await outcome("x", work)
    assert ended["refused"] == "InternalError"
    assert "hunter2" not in json.dumps(ended)


async def test_what_an_activity_gives_back_is_its_value() -> None:
    async def record() -> Record:
        return Answered(some_name="x")

    async def plain() -> bool:
        return True

    assert await outcome("x", record) == {"value": {"someName": "x"}}
    assert await outcome("x", plain) == {"value": True}


def activity(name: str, app: Any) -> Any:
    blueprint = df.Blueprint()
    orchestrations.register(blueprint, app)
    functions = df.DFApp()
    functions.register_functions(blueprint)
    found = next(one for one in functions.get_functions() if one.get_function_name() == name)
    return found.get_user_function()


async def test_no_orchestrator_meets_an_exception_of_an_activity(world: World) -> None:
    def app() -> Any:
        raise BadSettings(["X is missing"])

    run = run_of(await world.provision())
    assert (await activity("provision_claim", app)(run.document()))["refused"] == "InternalError"
    assert (await activity("provision_claim", lambda: None)({"of": "another release"}))["refused"] == "InternalError"


async def test_an_activity_gets_its_dependencies_and_its_run(world: World) -> None:
    operation = await world.provision()
    deps = Deps(world.runs, Ending(world.runs, world.index), cast(Any, None))
    claim = activity("provision_claim", lambda: SimpleNamespace(provisioning=deps))
    assert await claim(run_of(operation).document()) == {"value": True}
    assert await claim(run_of(operation, attempt=2).document()) == {"value": False}


async def test_a_start_carries_the_attempt_the_deadline_and_the_paces(world: World) -> None:
    operation = await world.provision()
    pace = SimpleNamespace(operation_poll=3.0, transient_budget=40.0)
    container = SimpleNamespace(settings=SimpleNamespace(pace=pace))
    name, instance, payload = started(operation, cast(Any, container))
    assert name in ORCHESTRATORS
    assert instance == f"{operation.operation_id}-1"
    expected = run_of(operation).model_copy(update={"poll_seconds": 3.0, "retry_seconds": 40.0})
    run = Run.read(payload)
    assert run == expected.model_copy(update={"project_id": operation.project_id, "traceparent": run.traceparent})
    assert trace_id_of(run.traceparent) == operation.trace_id
    assert Run.read(json.loads(json.dumps(payload))) == run, "the hub keeps it as JSON"


def test_whatever_can_be_started_is_there() -> None:
    assert set(STARTED_BY.values()) <= set(ORCHESTRATORS)
    assert not set(ORCHESTRATORS) & set(ACTIVITIES)


class Served:
    """What reached the pipeline, and an answer for it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, request: Request, _client: Any) -> Response:
        self.requests.append(request)
        return Response(201, {"Content-Type": "application/problem+json", "X-A": "b"}, b"{}")


def http(method: str, url: str, **more: Any) -> func.HttpRequest:
    return func.HttpRequest(method=method, url=url, body=more.pop("body", b""), **more)


async def test_a_request_arrives_as_it_was_sent() -> None:
    served = Served()
    endpoints = Endpoints(df.Blueprint(), served)
    url = "https://api.example/v1/runtime/environments/a%2Fb?limit=2&q=%C3%A4"
    answer = await endpoints._answer(http("post", url, headers={"X-Name": "y"}, body=b"{}"), cast(Any, None))
    (request,) = served.requests
    assert (request.method, request.path, request.base_url) == (
        "POST",
        "/v1/runtime/environments/a%2Fb",
        "https://api.example",
    )
    assert request.query == (("limit", "2"), ("q", "ä"))
    assert request.headers["x-name"] == "y"
    assert request.body == b"{}"
    assert (answer.status_code, answer.mimetype, answer.headers["X-A"]) == (201, "application/problem+json", "b")


async def test_a_query_that_cannot_be_read_is_a_problem_like_any_other() -> None:
    endpoints = Endpoints(df.Blueprint(), Served())
    answer = await endpoints._answer(http("GET", "https://api.example/v1/runtime/environments?a=%ZZ"), cast(Any, None))
    assert answer.status_code == 400
    assert json.loads(answer.get_body())["code"] == "MalformedRequest"
    assert answer.headers["cs-schema-version"] == "1.0"


class TestWithoutSettings:
    @pytest.fixture
    def serving(self) -> Serving:
        serving = Serving({"OIDC_ISSUER": "https://login.example/"})
        endpoints = Endpoints(df.Blueprint(), serving.serve)
        serving.table = endpoints.table
        probes.register(endpoints, serving.container)

        @endpoints.endpoint(
            "GET", "/environments", scope="runtime.environments.read", action="environments.list", answers={}
        )
        async def list_environments(call: Reading) -> Found:
            return Found({})

        return serving

    async def ask(self, serving: Serving, path: str) -> Response:
        return await serving.serve(Request("GET", path), cast(Any, None))

    async def test_the_process_lives(self, serving: Serving) -> None:
        assert (await self.ask(serving, "/alive")).status == 200

    async def test_it_is_not_ready_and_names_what_is_missing(self, serving: Serving) -> None:
        answer = await self.ask(serving, "/health")
        assert answer.status == 503
        told = json.loads(answer.body)["settings"]
        assert any(text.startswith("OIDC_AUDIENCE") for text in told)
        assert not any(text.startswith("OIDC_ISSUER") for text in told)

    async def test_the_rest_is_unavailable_and_unknown_paths_stay_unknown(self, serving: Serving) -> None:
        answer = await self.ask(serving, "/v1/runtime/environments")
        assert (answer.status, json.loads(answer.body)["code"]) == (503, "DependencyUnavailable")
        assert "Retry-After" in answer.headers
        assert (await self.ask(serving, "/v1/runtime/nothing")).status == 404
