"""The gRPC side against the real server: pages, streams that go on, problems with fields."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.runtime_client import Denied, Live, NotThere, Unavailable
from runtime_grpc.server import Server
from runtime_grpc.wire import pb
from shared.access.binding import BindingStatus
from tests.grpc.served import ENVIRONMENT, TENANT, World, ago, served, token, until


@pytest.fixture
async def world() -> World:
    world = World()
    await world.provision(TENANT, ENVIRONMENT, "dev", "api", "worker")
    await world.health({"api": "Healthy"})
    return world


@pytest.fixture
async def server(world: World) -> AsyncIterator[Server]:
    async with served(world) as (server, _):
        yield server


@pytest.fixture
async def live(server: Server) -> AsyncIterator[Live]:
    async with Live(f"127.0.0.1:{server.port}", token()) as live:
        yield live


async def told(stream: AsyncIterator[Any]) -> str:
    result = await asyncio.wait_for(anext(stream), 10)
    return str(pb.HealthStatus.Name(result.status)).removeprefix("HEALTH_STATUS_").capitalize()


async def test_all_pages_of_the_inventory_are_one_list(live: Live) -> None:
    found = await live.services(ENVIRONMENT, TENANT, page_size=1)
    assert [one.service_id for one in found] == ["api", "worker"]


async def test_findings_are_one_list(live: Live) -> None:
    assert await live.findings(ENVIRONMENT, statuses=["Open"]) == []


async def test_health_is_told_as_it_changes(live: Live, world: World) -> None:
    stream = live.health("api", environment_id=ENVIRONMENT)
    assert await told(stream) == "Healthy"
    await world.health({"api": "Unhealthy"})
    assert await told(stream) == "Unhealthy"


async def test_a_stream_goes_on_where_another_server_takes_over(world: World) -> None:
    async with served(world) as (first, _):
        port = first.port
        live = Live(f"127.0.0.1:{port}", token())
        stream = live.health("api")
        assert await told(stream) == "Healthy"
        await first.stop()
    await world.health({"api": "Degraded"})
    second = Server(world.container, f"127.0.0.1:{port}")
    await second.start()
    try:
        assert await told(stream) == "Degraded"
    finally:
        await live.channel.close()
        await second.stop()


async def test_a_stream_goes_on_with_a_new_token_and_says_nothing_twice(server: Server, world: World) -> None:
    given: list[str] = []

    async def current() -> str:
        given.append(token(lasts=0.6) if len(given) < 2 else token())
        return given[-1]

    async with Live(f"127.0.0.1:{server.port}", current) as live:
        stream = live.health("api")
        assert await told(stream) == "Healthy"
        following = asyncio.ensure_future(told(stream))
        await until(lambda: len(given) == 3)
        await world.health({"api": "Unhealthy"})
        assert await following == "Unhealthy"


async def test_a_token_that_is_not_renewed_ends_the_stream(server: Server) -> None:
    expired = token(lasts=-100)
    async with Live(f"127.0.0.1:{server.port}", expired) as live:
        with pytest.raises(Denied) as denied:
            await anext(live.health("api"))
    assert denied.value.code == "InvalidToken"


async def test_a_binding_that_ends_ends_the_stream(live: Live, world: World) -> None:
    stream = live.health("api")
    await told(stream)
    await world.bind(BindingStatus.SUSPENDED)
    with pytest.raises(Denied) as denied:
        await told(stream)
    assert denied.value.code == "TenantSuspended"


async def test_problems_are_exceptions_with_fields(live: Live) -> None:
    with pytest.raises(NotThere) as absent:
        await live.services("env-" + "f" * 16, TENANT)
    assert (absent.value.trace_id or "").startswith("trace-")
    with pytest.raises(Denied):
        await live.services(ENVIRONMENT, "another")


async def test_reports_are_answered_in_order(live: Live) -> None:
    async def reports() -> AsyncIterator[Any]:
        for number, at in enumerate((ago(0), ago(60))):
            result = pb.HealthCheckResult(service_id="api", environment_id=ENVIRONMENT, status=pb.HEALTH_STATUS_HEALTHY)
            result.evaluated_at.FromDatetime(at)
            yield pb.ReportHealthRequest(report_id=str(number), result=result)

    answers = [answer async for answer in live.report(reports())]
    assert [answer.report_id for answer in answers] == ["0", "1"]
    assert [answer.outcome for answer in answers] == [pb.REPORT_OUTCOME_ACCEPTED, pb.REPORT_OUTCOME_STALE]


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with Live("127.0.0.1:1", token()) as live:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await live.findings(ENVIRONMENT)
        assert time.monotonic() - began < 12
