"""Who comes in, what everybody is told, and that nothing else gets out."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime_grpc.server import Server
from runtime_grpc.wire import PACKAGE
from shared.kernel.ids import environment_id
from tests.grpc.served import SCOPES, Client, World, code_of, refused, served, token

Status = grpc.StatusCode
PATHS = ["GetServices", "GetFindings", "StreamHealth", "ReportHealth"]


def call(client: Client, method: str, bearer: str | None = "", **fields: Any) -> Any:
    if method == "ReportHealth":
        return client.report(bearer)
    return {"GetServices": client.services, "GetFindings": client.findings, "StreamHealth": client.stream}[method](
        bearer, **fields
    )


@pytest.mark.parametrize("method", PATHS)
@pytest.mark.parametrize("bearer", [None, "broken", token(lasts=-61)])
async def test_without_a_token_nobody_comes_in(client: Client, method: str, bearer: str | None) -> None:
    error = await refused(call(client, method, bearer))
    assert error.code() is (Status.UNAUTHENTICATED if bearer != "broken" else Status.INTERNAL)
    if bearer != "broken":  # the double's own defect, of which nothing may be seen
        assert code_of(error) == "InvalidToken"
        assert dict(error.trailing_metadata())["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "scope"), list(zip(PATHS, (SCOPES[0], SCOPES[2], SCOPES[1], SCOPES[3]), strict=True)))
async def test_each_method_wants_its_own_scope(client: Client, method: str, scope: str) -> None:
    others = [one for one in SCOPES if one != scope]
    error = await refused(call(client, method, token(scopes=others)))
    assert (error.code(), code_of(error)) == (Status.PERMISSION_DENIED, "InsufficientScope")
    assert scope in error.details()


async def test_the_tenant_of_the_request_must_be_the_tokens(client: Client) -> None:
    for tenant in ("another", ""):
        error = await refused(client.services(tenant_id=tenant))
        assert (error.code(), code_of(error)) == (Status.PERMISSION_DENIED, "TenantMismatch")


@pytest.mark.parametrize("method", PATHS[:3])
async def test_another_tenants_environment_is_as_unknown_as_any(client: Client, method: str) -> None:
    fields = {"tenant_id": "another"} if method == "GetServices" else {}
    foreign = await refused(call(client, method, token("another"), **fields))
    absent = await refused(call(client, method, token("another"), environment_id=environment_id("f" * 16), **fields))
    malformed = await refused(call(client, method, token("another"), environment_id="env-%2F|~", **fields))
    assert foreign.code() is absent.code() is malformed.code() is Status.NOT_FOUND
    assert foreign.details() == absent.details() == malformed.details()


async def test_every_answer_says_its_schema(client: Client) -> None:
    answered = client.services()
    await answered
    refusal, unknown = client.services(None), client.channel.unary_unary(f"/{PACKAGE}.RuntimeInventory/Nothing")(b"")
    stream = client.stream()
    for one in (answered, refusal, unknown, stream):
        assert dict(await one.initial_metadata())["cs-schema-version"] == "1.0"
    assert (await refused(unknown)).code() is Status.UNIMPLEMENTED
    stream.cancel()


async def test_a_defect_says_nothing_of_itself(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("the password is hunter2")

    monkeypatch.setattr(type(world.container.catalog), "services", broken)
    error = await refused(client.services())
    assert (error.code(), code_of(error)) == (Status.INTERNAL, "InternalError")
    told = f"{error.details()} {error.trailing_metadata()} {error.debug_error_string()}"
    assert "hunter2" not in told
    assert "ValueError" not in told
    assert dict(error.trailing_metadata())["cs-trace-id"].startswith("trace-")


async def test_bytes_that_are_no_message_are_the_callers_fault(client: Client) -> None:
    path = f"/{PACKAGE}.RuntimeInventory/GetServices"
    authorization = (("authorization", f"Bearer {token()}"),)
    error = await refused(client.channel.unary_unary(path)(b"\xff\xff\xff", metadata=authorization))
    assert (error.code(), code_of(error)) == (Status.INVALID_ARGUMENT, "MalformedRequest")


async def test_the_trace_of_the_caller_goes_on(client: Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    call_ = client.channel.unary_unary(f"/{PACKAGE}.RuntimeInventory/GetServices")
    error = await refused(call_(b"", metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),)))
    assert dict(error.trailing_metadata())["cs-trace-id"] == f"trace-{trace}"


async def test_two_tokens_are_none(client: Client) -> None:
    metadata = (("authorization", f"Bearer {token()}"), ("authorization", f"Bearer {token('another')}"))
    error = await refused(client.channel.unary_unary(f"/{PACKAGE}.RuntimeInventory/GetServices")(b"", metadata=metadata))
    assert error.code() is Status.UNAUTHENTICATED


async def test_a_store_that_is_away_is_unavailable(client: Client, world: World) -> None:
    world.inner.down = True
    error = await refused(client.services())
    assert (error.code(), code_of(error)) == (Status.UNAVAILABLE, "DependencyUnavailable")
    assert dict(error.trailing_metadata())["retry-after"] == "1"


async def test_a_request_has_a_largest_size(client: Client) -> None:
    error = await refused(client.services(page_token="x" * 1024 * 1024))
    assert error.code() is Status.RESOURCE_EXHAUSTED


async def test_probes_need_no_token(client: Client, server: Server) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    for name in ("", f"{PACKAGE}.RuntimeInventory", f"{PACKAGE}.RuntimeHealthIngest"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    error = await refused(stub.Check(health_pb2.HealthCheckRequest(service="nobody")))
    assert error.code() is Status.NOT_FOUND


async def test_beyond_its_limit_a_tenant_is_told_when_to_come_again_and_another_is_served() -> None:
    world = World(TENANT_REQUESTS_PER_SECOND="0.1")
    for tenant in ("connectsoft", "another"):
        await world.provision(tenant, environment_id("00000000000000aa"), "dev", "api")
    async with served(world) as (_, client):
        await client.services()
        for method in PATHS:  # a stream counts like a call
            error = await refused(call(client, method))
            assert (error.code(), code_of(error)) == (Status.RESOURCE_EXHAUSTED, "TooManyRequests")
            assert int(dict(error.trailing_metadata())["retry-after"]) >= 1
        assert (await client.services(token("another"), tenant_id="another")).services
