"""StreamHealth: what is true now, then what changes; bounded whoever does not read, and ended when it must end."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest

from runtime_grpc import server as serving
from runtime_grpc.server import Server
from runtime_grpc.wire import PACKAGE, pb
from shared.access.binding import BindingStatus
from shared.kernel.ids import environment_id
from shared.runtime.environments.model import Environment
from shared.runtime.health.document import MAX_CHECKS, Check, HealthStatus
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.store import keys
from tests.grpc.served import (
    ENVIRONMENT,
    TENANT,
    Client,
    World,
    ago,
    carrying,
    code_of,
    ending,
    next_result,
    refused,
    served,
    token,
    until,
)

Status = grpc.StatusCode
Health = pb.HealthStatus


async def test_the_state_is_told_at_once_and_then_each_change(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"})
    stream = client.stream()
    first = (await next_result(stream)).result
    assert (first.service_id, first.environment_id, first.status) == ("api", ENVIRONMENT, pb.HEALTH_STATUS_HEALTHY)
    assert [(check.name, check.status) for check in first.checks] == [("self", pb.HEALTH_STATUS_HEALTHY)]
    await world.health({"api": "Unhealthy"})
    assert (await next_result(stream)).result.status == pb.HEALTH_STATUS_UNHEALTHY
    stream.cancel()


async def test_a_service_that_was_never_looked_at_is_unknown(client: Client) -> None:
    stream = client.stream()
    result = (await next_result(stream)).result
    assert result.status == pb.HEALTH_STATUS_UNKNOWN
    assert not result.HasField("evaluated_at")
    stream.cancel()


async def test_the_same_again_is_no_change_and_heartbeats_go_on(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"}, ago(2))
    stream = client.stream()
    said = await next_result(stream)
    await world.health({"api": "Healthy"})
    await world.run("another")
    began = time.monotonic()
    beats = [await stream.read() for _ in range(2)]
    assert all(beat.HasField("heartbeat") and beat.resume_token == said.resume_token for beat in beats)
    assert time.monotonic() - began < 2
    stream.cancel()


async def test_who_resumes_hears_only_of_what_changed_meanwhile(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"})
    first = client.stream()
    said = await next_result(first)
    first.cancel()
    resumed = client.stream(resume_token=said.resume_token)
    assert (await resumed.read()).HasField("heartbeat")
    resumed.cancel()
    await world.health({"api": "Degraded"})
    later = client.stream(resume_token=said.resume_token)
    assert (await next_result(later)).result.status == pb.HEALTH_STATUS_DEGRADED
    later.cancel()
    anybodys = client.stream(resume_token="of somebody else")
    assert (await anybodys.read()).HasField("result")
    anybodys.cancel()


async def test_another_replica_takes_up_a_resume_token(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"})
    stream = client.stream()
    said = await next_result(stream)
    stream.cancel()
    async with served(world) as (_, other):
        resumed = other.stream(resume_token=said.resume_token)
        assert (await resumed.read()).HasField("heartbeat")
        resumed.cancel()


async def test_without_an_environment_the_highest_stage_answers(client: Client, world: World) -> None:
    await world.provision(TENANT, environment_id("b" * 16), "prod", "api")
    stream = client.stream(environment_id="")
    assert (await next_result(stream)).result.environment_id == environment_id("b" * 16)
    stream.cancel()


@pytest.mark.parametrize(
    "fields", [{"service_id": "nobody"}, {"service_id": "nobody", "environment_id": ""}, {"service_id": ""}]
)
async def test_an_unknown_service_is_not_found(client: Client, fields: dict[str, str]) -> None:
    assert (await refused(client.stream(**fields))).code() is Status.NOT_FOUND


async def test_the_tokens_end_ends_the_stream(client: Client, world: World) -> None:
    began = time.monotonic()
    error = await ending(client.stream(token(lasts=0.6)))
    assert (error.code(), code_of(error)) == (Status.UNAUTHENTICATED, "InvalidToken")
    assert 0.3 < time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (BindingStatus.SUSPENDED, (Status.PERMISSION_DENIED, "TenantSuspended")),
        (BindingStatus.PENDING, (Status.FAILED_PRECONDITION, "EnvironmentNotReady")),
    ],
)
async def test_the_bindings_end_ends_every_stream(
    client: Client, world: World, status: BindingStatus, refusal: tuple[Status, str]
) -> None:
    streams = [client.stream() for _ in range(3)]
    for stream in streams:
        await next_result(stream)
    await world.bind(status)
    for stream in streams:
        error = await ending(stream)
        assert (error.code(), code_of(error)) == refusal
    assert (await ending(client.stream())).code() is refusal[0]


async def test_a_shutdown_ends_streams_promptly_and_says_go_elsewhere(client: Client, server: Server) -> None:
    stream = client.stream()
    await next_result(stream)
    began = time.monotonic()
    await server.stop()
    error = await ending(stream)
    assert error.code() is Status.UNAVAILABLE
    assert time.monotonic() - began < 1


async def test_a_store_that_is_away_ends_no_stream(client: Client, world: World) -> None:
    await world.health({"api": "Healthy"})
    stream = client.stream()
    await next_result(stream)
    world.inner.down = True
    assert (await stream.read()).HasField("heartbeat")
    world.inner.down = False
    await world.health({"api": "Degraded"})
    assert (await next_result(stream)).result.status == pb.HEALTH_STATUS_DEGRADED
    stream.cancel()


async def test_a_thousand_streams_cost_one_read_a_change() -> None:
    world = World(GRPC_HEARTBEAT_SECONDS="20", GRPC_POLL_SECONDS="0.1")
    await world.provision(TENANT, ENVIRONMENT, "dev", "api")
    await world.health({"api": "Healthy"})
    async with served(world) as (_, client):
        streams = [client.stream(timeout=60) for _ in range(1000)]
        await asyncio.gather(*[next_result(stream) for stream in streams])
        assert world.inner.asked["get svc-api"] == 1
        for status in ("Unhealthy", "Healthy"):
            world.inner.asked.clear()
            began = time.monotonic()
            await world.health({"api": status})
            told = await asyncio.gather(*[next_result(stream) for stream in streams])
            assert {Health.Name(one.result.status) for one in told} == {f"HEALTH_STATUS_{status.upper()}"}
            assert len({one.resume_token for one in told}) == 1
            polls = world.inner.asked.pop("get rev")
            assert world.inner.asked == {"gather": 1, "commit": 1}
            assert polls <= 2 + (time.monotonic() - began) / 0.1, "one row a poll, whatever the number of streams"
        for stream in streams:
            stream.cancel()


async def test_beyond_its_limit_a_tenant_is_refused_and_another_is_not() -> None:
    world = World(GRPC_STREAMS_PER_TENANT="2")
    await world.provision(TENANT, ENVIRONMENT, "dev", "api")
    await world.provision("another", ENVIRONMENT, "dev", "api")
    async with served(world) as (_, client):
        streams = [client.stream(), client.stream()]
        for stream in streams:
            await next_result(stream)
        for one in (client.stream(), client.report()):
            error = await refused(one)
            assert (error.code(), code_of(error)) == (Status.RESOURCE_EXHAUSTED, "TooManyRequests")
        other = client.stream(token("another"))
        await next_result(other)
        streams[0].cancel()
        await asyncio.sleep(0.1)
        again = client.stream()
        await next_result(again)
        for stream in (other, again, streams[1]):
            stream.cancel()


class Written:
    """Counts what the server hands to the transport, and what it waits for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from runtime_grpc.doorway import Call

        self.begun = self.done = 0
        send = Call.send

        async def counted(call: Call, message: bytes) -> None:
            self.begun += 1
            await send(call, message)
            self.done += 1

        monkeypatch.setattr(Call, "send", counted)


async def big_health(world: World, number: int) -> None:
    """Some 5 KiB a message: what a transport buffers is soon full."""
    checks = [Check(name=f"{number}-{index}-{'x' * 90}", status=HealthStatus.DEGRADED) for index in range(MAX_CHECKS)]
    at = ago(0)
    health = ServiceHealth(status=HealthStatus.DEGRADED, since=at, checks=checks)
    await world.put({keys.HEALTH: EnvironmentHealth(started_at=at, completed_at=at, services={"api": health})})


async def test_a_slow_reader_holds_one_message_and_then_hears_the_latest(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(monkeypatch)
    options = [("grpc.http2.lookahead_bytes", 65_535), ("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
        stream = Client(channel).stream()
        await next_result(stream)
        number = quiet = stuck = 0
        while quiet < 20:  # changes, while one write waits
            number, stuck = number + 1, written.begun
            await big_health(world, number)
            await asyncio.sleep(0.03)
            quiet = quiet + 1 if written.begun == stuck > written.done else 0
            assert number < 400, "nothing holds the server up"
        assert written.begun == written.done + 1, "one message waits, nothing behind it"
        while True:
            message = await asyncio.wait_for(next_result(stream), 5)
            if message.result.checks and message.result.checks[0].name.startswith(f"{number}-"):
                break
        assert written.begun < number, "what was true in between was skipped"
        stream.cancel()


async def test_who_does_not_read_is_ended_all_the_same(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(monkeypatch)
    options = [("grpc.http2.lookahead_bytes", 65_535), ("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
        stream = Client(channel).stream(token(lasts=4))
        await next_result(stream)
        for number in range(400):
            await big_health(world, number)
            await asyncio.sleep(0.03)
            if written.begun > written.done:
                break
        await until(lambda: not server._streams._open, seconds=8)
        assert (await ending(stream)).code() is Status.UNAUTHENTICATED


async def test_a_caller_who_leaves_frees_everything(client: Client, server: Server) -> None:
    streams = [client.stream() for _ in range(5)]
    for stream in streams:
        await next_result(stream)
    for stream in streams:
        stream.cancel()
    await until(lambda: not server._streams._open)
    assert not server._streams._count


async def test_a_decommissioned_environment_is_gone(client: Client, world: World) -> None:
    stream = client.stream()
    await next_result(stream)
    row = await world.store.get(keys.partition_of(TENANT, ENVIRONMENT), keys.ENVIRONMENT)
    assert row is not None
    gone = Environment.read({**row.document, "status": "Decommissioned"})
    await world.put({keys.ENVIRONMENT: gone})
    assert (await ending(stream)).code() is Status.NOT_FOUND


def test_heartbeats_come_often_enough_by_default() -> None:
    assert World(GRPC_HEARTBEAT_SECONDS="15").container.settings.grpc.heartbeat <= 30
    assert serving.PACKAGE == PACKAGE
    assert carrying(None) == ()
