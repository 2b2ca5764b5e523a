"""ReportHealth: each report answered, in order, whatever is wrong with one of them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import grpc

from runtime_grpc.server import Server
from runtime_grpc.wire import pb, timestamp
from shared.access.binding import BindingStatus
from shared.events.envelope import EventType
from shared.kernel.clock import now
from shared.kernel.ids import environment_id
from shared.runtime.health.reports import EnvironmentReports
from shared.store import keys
from shared.store.revision import REPORTS
from tests.grpc.served import ENVIRONMENT, TENANT, Client, World, ago, code_of, ending, next_result, token

UNHEALTHY, HEALTHY = pb.HEALTH_STATUS_UNHEALTHY, pb.HEALTH_STATUS_HEALTHY
ACCEPTED, STALE = pb.REPORT_OUTCOME_ACCEPTED, pb.REPORT_OUTCOME_STALE
UNKNOWN_SERVICE, INVALID = pb.REPORT_OUTCOME_UNKNOWN_SERVICE, pb.REPORT_OUTCOME_INVALID


def report(number: int, service: str = "api", at: datetime | None = None, **fields: Any) -> Any:
    known = {"environment_id": ENVIRONMENT, "status": UNHEALTHY, "evaluated_at": timestamp(at or now())}
    result = pb.HealthCheckResult(**{"service_id": service, **known, **fields})
    return pb.ReportHealthRequest(report_id=f"r-{number}", result=result)


async def answers(client: Client, *reports: Any) -> list[Any]:
    stream = client.report()
    for one in reports:
        await stream.write(one)
    await stream.done_writing()
    found = []
    while (answer := await stream.read()) is not grpc.aio.EOF:
        found.append(answer)
    assert await stream.code() is grpc.StatusCode.OK
    return found


async def test_each_report_is_answered_in_order(client: Client, world: World) -> None:
    checks = [pb.HealthCheck(name="sql", status=UNHEALTHY)]
    checks[0].duration.FromMilliseconds(12)
    found = await answers(
        client,
        report(1, at=ago(5), checks=checks, observed_image="acr.azurecr.io/api:1"),
        report(2, "nobody"),
        report(3, at=ago(6)),
        report(4, status=pb.HEALTH_STATUS_UNSPECIFIED),
        report(5, evaluated_at=None),
        report(6, environment_id=environment_id("f" * 16)),
        report(7, environment_id="nonsense|~"),
        report(8, "Not an id"),
        report(9, at=ago(-3600)),
        report(10, "worker", status=HEALTHY),
    )
    assert [one.report_id for one in found] == [f"r-{number}" for number in range(1, 11)]
    assert [one.outcome for one in found] == [
        *(ACCEPTED, UNKNOWN_SERVICE, STALE, INVALID, INVALID),
        *(UNKNOWN_SERVICE, UNKNOWN_SERVICE, INVALID, INVALID, ACCEPTED),
    ]
    assert "evaluated_at" in found[4].message
    row = await world.store.get(keys.partition_of(TENANT, ENVIRONMENT), REPORTS)
    assert row is not None
    kept = EnvironmentReports.read(row.document).services
    assert (kept["api"].source, kept["api"].image) == ("sister", "acr.azurecr.io/api:1")
    assert [(one.name, one.duration_ms) for one in kept["api"].checks] == [("sql", 12)]


async def test_a_report_reaches_those_who_follow(client: Client) -> None:
    stream = client.stream()
    await next_result(stream)
    assert [one.outcome for one in await answers(client, report(1))] == [ACCEPTED]
    assert (await next_result(stream)).result.status == UNHEALTHY
    stream.cancel()


async def test_an_agent_is_answered_while_its_stream_is_open(client: Client) -> None:
    stream = client.report()
    for number in range(3):
        await stream.write(report(number))
        assert (await stream.read()).report_id == f"r-{number}"
    await stream.done_writing()


async def test_a_flood_is_answered_whole_and_written_together(client: Client, world: World) -> None:
    stream = client.report(timeout=60)
    world.inner.commit_takes = 0.02

    async def send() -> None:
        for number in range(400):
            await stream.write(report(number, status=HEALTHY if number % 2 else UNHEALTHY))
        await stream.done_writing()

    sending = asyncio.create_task(send())
    found = []
    while (answer := await stream.read()) is not grpc.aio.EOF:
        found.append(answer)
    await sending
    assert [one.report_id for one in found] == [f"r-{number}" for number in range(400)]
    assert {one.outcome for one in found} == {ACCEPTED}
    assert world.inner.asked["commit"] < 200


async def test_a_change_of_status_is_told_once(client: Client, world: World) -> None:
    await answers(client, report(1), report(2), report(3))
    await asyncio.sleep(0.05)
    told = [event for event in world.broker.sent if event.event_type is EventType.HEALTH_CHECK_COMPLETED]
    assert [(event.payload["serviceId"], event.payload["status"]) for event in told] == [("api", "Unhealthy")]


async def test_agents_of_one_environment_do_not_hinder_each_other(client: Client) -> None:
    found = await asyncio.gather(
        *[answers(client, *[report(number, service) for number in range(20)]) for service in ("api", "worker") * 4]
    )
    assert {one.outcome for answered in found for one in answered} <= {ACCEPTED, STALE}


async def test_another_tenants_services_are_unknown(client: Client) -> None:
    stream = client.report(token("another"))
    await stream.write(report(1))
    assert (await stream.read()).outcome == UNKNOWN_SERVICE
    stream.cancel()


async def test_a_suspended_tenant_reports_no_more(client: Client, world: World) -> None:
    stream = client.report()
    await stream.write(report(1))
    assert (await stream.read()).outcome == ACCEPTED
    await world.bind(BindingStatus.SUSPENDED)
    await stream.write(report(2))
    error = await ending(stream)
    assert (error.code(), code_of(error)) == (grpc.StatusCode.PERMISSION_DENIED, "TenantSuspended")


async def test_the_tokens_end_and_the_servers_end_the_stream(client: Client, server: Server) -> None:
    assert (await ending(client.report(token(lasts=0.3)))).code() is grpc.StatusCode.UNAUTHENTICATED
    stream = client.report()
    await stream.write(report(1))
    await stream.read()
    await server.stop()
    assert (await ending(stream)).code() is grpc.StatusCode.UNAVAILABLE
