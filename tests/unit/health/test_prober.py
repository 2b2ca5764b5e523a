"""The prober against real servers on loopback: what it asks, what it makes of answers, and where it never goes."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

import pytest

from shared.kernel.clock import now
from shared.runtime.health.addresses import Address, Networks
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.prober import Evidence, Prober
from tests.unit.health.servers import HEALTHY, LOOPBACK, NOON, http, probed, prober, serving


async def test_a_healthy_document_is_evidence_with_its_checks_and_its_time() -> None:
    evidence = await probed(http("200 OK", HEALTHY))
    assert evidence == Evidence(
        status=HealthStatus.HEALTHY,
        checks=[Check(name="sql", status=HealthStatus.HEALTHY, duration_ms=12)],
        evaluated_at=NOON,
    )
    assert evidence.document() == {
        "status": "Healthy",
        "checks": [{"name": "sql", "status": "Healthy", "durationMs": 12}],
        "evaluatedAt": "2026-06-11T12:00:00Z",
    }


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(HEALTHY), HEALTHY)
ANSWERS = {
    "chunked": (CHUNKED, "Healthy", None),
    "until close": (b"HTTP/1.0 200 OK\r\n\r\n" + HEALTHY, "Healthy", None),
    "200 with an unhealthy body": (http("200 OK", b'{"status":"Unhealthy"}'), "Unhealthy", None),
    "degraded": (http("200 OK", b'{"status":"Degraded"}'), "Degraded", None),
    "503 that calls itself healthy": (http("503 No", HEALTHY), "Unhealthy", "http-503"),
    "503 with rubbish": (http("503 No", b"<html>"), "Unhealthy", "http-503"),
    "404": (http("404 Not Found", b"Healthy"), "Unhealthy", "http-404"),
    "500": (http("500 Oops", HEALTHY), "Unhealthy", "http-500"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", "Unhealthy", "http-204"),
    "text": (http("200 OK", b"Healthy"), "Unknown", "not-json"),
    "html": (http("200 OK", b"<html>ok</html>"), "Unknown", "not-json"),
    "no document": (http("200 OK", b'{"ok":true}'), "Unknown", "not-health-document"),
    "cut off": (http("200 OK", HEALTHY)[:-5], "Unhealthy", "disconnected"),
    "nothing": (b"", "Unhealthy", "disconnected"),
    "another protocol": (b"SSH-2.0-x\r\n\r\n", "Unknown", "bad-response"),
    "too large by its length": (http("200 OK", b" " * 65_537), "Unknown", "too-large"),
    "too large without one": (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 5_000_000, "Unknown", "too-large"),
    "at the limit": (http("200 OK", HEALTHY + b" " * (65_536 - len(HEALTHY))), "Healthy", None),
}


@pytest.mark.parametrize(("answer", "status", "detail"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_judged(answer: bytes, status: str, detail: str | None) -> None:
    evidence = await probed(answer)
    assert (evidence.status, evidence.detail) == (status, detail)


async def test_the_request_is_one_plain_get_without_credentials() -> None:
    async with serving(http("200 OK", HEALTHY)) as server:
        await prober().probe(server.url, "/health?ready=1", "json")
    head, *headers = server.requests[0].decode().split("\r\n")
    assert head == "GET /health?ready=1 HTTP/1.1"
    names = {line.split(":")[0].lower() for line in headers if line}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert f"Host: 127.0.0.1:{server.port}" in headers
    assert "Connection: close" in headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with serving(http("200 OK", HEALTHY)) as inner:
        location = f"Location: {inner.url}/health"
        evidence = await probed(http(f"{status} Moved", HEALTHY, location))
        assert (evidence.status, evidence.detail) == ("Unknown", "redirect")
        assert inner.connections == 0


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
async def test_no_proxy_of_the_environment_is_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(http("200 OK", HEALTHY)) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert (await probed(http("200 OK", HEALTHY))).status == "Healthy"
        assert proxy.connections == 0


PATHS = ["", "health", "http://other/", "/a b", "/a\r\nX: y", "/a\nb", "/\x00", "/é", "/" + "a" * 5000, "\\health", "?x"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_that_is_none_is_never_sent(path: str) -> None:
    async with serving(http("200 OK", HEALTHY)) as server:
        evidence = await prober().probe(server.url, path, "json")
    assert (evidence.status, evidence.detail, server.connections) == ("Unknown", "bad-path", 0)


async def test_a_refused_connection_is_unhealthy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        evidence = await prober().probe(f"http://127.0.0.1:{unused.getsockname()[1]}", "/health", "json")
    assert (evidence.status, evidence.detail) == ("Unhealthy", "refused")


async def test_a_reset_connection_is_unhealthy() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        writer.transport.abort()

    evidence = await probed(reset)
    assert (evidence.status, evidence.detail) == ("Unhealthy", "disconnected")


async def test_a_name_that_is_unknown_or_slow_is_unknown() -> None:
    async def nowhere(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def asleep(host: str, port: int) -> Sequence[Address]:
        await asyncio.sleep(30)
        return []

    for resolver, detail in ((nowhere, "unresolved"), (asleep, "timeout")):
        evidence = await prober(resolver=resolver, timeout=0.2).probe("http://name", "/health", "json")
        assert (evidence.status, evidence.detail) == ("Unknown", detail)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS answers at 127.0.0.1 alone")
async def test_the_next_address_of_a_name_is_tried_when_one_refuses() -> None:
    async def two(host: str, port: int) -> Sequence[Address]:
        return [ip_address("127.0.0.2"), ip_address("127.0.0.1")]

    async with serving(http("200 OK", HEALTHY)) as server:
        evidence = await prober(resolver=two).probe(f"http://name:{server.port}", "/health", "json")
        assert evidence.status == "Healthy"
        assert f"Host: name:{server.port}".encode() in server.requests[0]


async def test_evidence_is_dated_before_the_request() -> None:
    sent: list[datetime] = []

    async def note(writer: asyncio.StreamWriter) -> None:
        sent.append(now())
        writer.write(http("200 OK", HEALTHY))

    async with serving(note) as server:
        evidence = await Prober(LOOPBACK, now).probe(server.url, "/health", "json")
    assert evidence.evaluated_at <= sent[0]
    assert sent[0] - evidence.evaluated_at < timedelta(seconds=2)


async def test_rebinding_between_check_and_connection_meets_nobody() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.9"]])

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        return [ip_address(answer) for answer in next(answers)]

    async with serving(http("200 OK", HEALTHY)) as server:
        guarded = prober(allowed=Networks.parse("127.0.0.1/32"), resolver=rebinding)
        first = await guarded.probe(f"http://name:{server.port}", "/health", "json")
        second = await guarded.probe(f"http://name:{server.port}", "/health", "json")
    assert (first.status, second.detail, server.connections) == ("Healthy", "blocked-address", 1)
