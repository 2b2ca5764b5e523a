"""gRPC health of replicas, asked by the real client: directly, and through a container app's address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from localazure.arm.ingress import Ingress
from localazure.shelf import Shelf
from localazure.workloads.port import Replica, Revision
from localazure.workloads.runner import Runner
from tests.support.certificates import self_signed

REVISION = Revision("env-1", "orders", "aks", "orders-1", "acr.io/orders:1")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    opened = Shelf(tmp_path / "services.sqlite")
    yield opened
    opened.close()


@pytest.fixture
async def runner(shelf: Shelf) -> AsyncIterator[Runner]:
    started = Runner(shelf)
    await started.restore()
    await started.scale(REVISION, 1)
    yield started
    await started.close()


def replica(runner: Runner) -> Replica:
    return runner.replicas(REVISION.key)[0]


async def asked(channel: Any, service: str = "", seconds: float = 5) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=seconds)
    return int(answer.status)


async def refusal(channel: Any, service: str = "", seconds: float = 5) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(channel, service, seconds)
    return refused.value.code()


@pytest.fixture
async def channel(runner: Runner) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{replica(runner).port}") as opened:
        yield opened


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({}, SERVING),
        ({"status": "Degraded"}, SERVING),
        ({"status": "Unhealthy"}, NOT_SERVING),
        ({"neverReady": True}, NOT_SERVING),
    ],
)
async def test_a_replica_says_how_it_is(runner: Runner, channel: Any, rule: dict[str, Any], word: int) -> None:
    runner.add_behaviour(rule)
    assert await asked(channel) == word


async def test_one_connection_carries_many_questions_and_follows_the_rules(runner: Runner, channel: Any) -> None:
    assert await asyncio.gather(*[asked(channel) for _ in range(50)]) == [SERVING] * 50
    runner.add_behaviour({"status": "Unhealthy"})
    assert await asked(channel) == NOT_SERVING


async def test_an_answer_that_is_delayed_keeps_nobody_else_waiting(runner: Runner, channel: Any) -> None:
    runner.add_behaviour({"delayMs": 500})
    late = asyncio.create_task(asked(channel))
    await asyncio.sleep(0.1)
    runner.clear_behaviours()
    assert await asked(channel) == SERVING
    assert not late.done()
    assert await late == SERVING


async def test_who_does_not_wait_is_forgotten(runner: Runner, channel: Any) -> None:
    runner.add_behaviour({"delayMs": 60_000})
    assert await refusal(channel, seconds=0.2) is grpc.StatusCode.DEADLINE_EXCEEDED
    runner.clear_behaviours()
    assert await asked(channel) == SERVING


async def test_another_service_and_another_method_are_refused_as_the_protocol_has_it(channel: Any) -> None:
    assert await refusal(channel, service="orders") is grpc.StatusCode.NOT_FOUND
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watch.read()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("rule", [{"httpStatus": 500}, {"redirectTo": "http://x/"}, {"rawBody": "<html>"}])
async def test_what_is_said_in_http_is_no_grpc_answer(runner: Runner, channel: Any, rule: dict[str, Any]) -> None:
    runner.add_behaviour(rule)
    assert await refusal(channel) is not grpc.StatusCode.OK


async def test_http_is_answered_on_the_same_port(runner: Runner, channel: Any) -> None:
    assert await asked(channel) == SERVING
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{replica(runner).url}/health")).json()["status"] == "Healthy"


async def test_what_is_no_http2_after_the_preface_is_cut_off(runner: Runner) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", replica(runner).port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x")  # DATA of no stream
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()


async def test_the_address_of_a_container_app_leads_grpc_to_a_replica(runner: Runner, shelf: Shelf, tmp_path: Path) -> None:
    made = self_signed(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.both)
    ingress = Ingress(shelf, context)
    await ingress.open("app", lambda _host: replica(runner))
    credentials = grpc.ssl_channel_credentials(made.both.read_bytes())
    try:
        async with grpc.aio.secure_channel(f"localhost:{ingress.reserve('app')}", credentials) as channel:
            assert await asked(channel) == SERVING
            runner.add_behaviour({"status": "Unhealthy"})
            assert await asked(channel) == NOT_SERVING
    finally:
        await ingress.close()
