"""The prober against real servers on loopback: what they answer, how they misbehave, and where it never goes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.kernel.clock import now
from shared.runtime.health.addresses import Address, Networks
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.prober import Evidence, Prober

LOOPBACK = Networks.parse("127.0.0.0/8")
NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
HEALTHY = json.dumps({"status": "Healthy", "checks": [{"name": "sql", "status": "Healthy", "durationMs": 12}]}).encode()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Server:
    """Answers each connection with the same bytes, and remembers what it was asked."""

    port: int = 0
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    dropped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: bytes | Behave, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            server.requests.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            server.dropped.set()
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, server.host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def prober(**options: Any) -> Prober:
    return Prober(options.pop("allowed", LOOPBACK), lambda: NOON, **{"timeout": 2.0, **options})


async def probed(answer: bytes | Behave, *, format: Any = "json", **options: Any) -> Evidence:
    async with serving(answer) as server:
        return await prober(**options).probe(server.url, "/health", format)


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


async def test_a_plain_target_needs_a_good_status_and_nobody_waits_for_its_body() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(30)

    started = time.monotonic()
    assert (await probed(endless, format="plain")).status == "Healthy"
    assert time.monotonic() - started < 1
    assert (await probed(http("500 Oops"), format="plain")).status == "Unhealthy"


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


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def tiny_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1;" + b"x" * 200 + b"\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behave", [silent, trickling, tiny_chunks])
async def test_a_slow_target_is_unknown_within_the_budget(behave: Behave) -> None:
    started = time.monotonic()
    evidence = await probed(behave, timeout=0.3)
    assert (evidence.status, evidence.detail) == ("Unknown", "timeout")
    assert 0.25 < time.monotonic() - started < 1.5


async def test_an_endless_body_is_dropped_and_not_read() -> None:
    sent = 0

    async def flooding(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            sent += 65_536
            await writer.drain()

    async with serving(flooding) as server:
        evidence = await prober().probe(server.url, "/health", "json")
        await asyncio.wait_for(server.dropped.wait(), 2)
    assert (evidence.status, evidence.detail) == ("Unknown", "too-large")
    assert sent < 50_000_000  # what fits the sockets' buffers


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


async def test_evidence_of_a_probe_that_waited_for_its_turn_is_dated_after_the_wait() -> None:
    ticks = iter(range(1000))
    patient = Prober(LOOPBACK, lambda: NOON + timedelta(seconds=next(ticks)), concurrency=1)
    async with serving(http("200 OK", HEALTHY)) as server:
        evidences = await asyncio.gather(*[patient.probe(server.url, "/health", "json") for _ in range(5)])
    assert [evidence.evaluated_at for evidence in evidences] == [NOON + timedelta(seconds=n) for n in range(5)]


async def test_slow_targets_do_not_delay_the_others() -> None:
    async with serving(silent) as slow, serving(http("200 OK", HEALTHY)) as quick:
        together = prober(timeout=1.0)
        waiting = [asyncio.create_task(together.probe(slow.url, "/health", "json")) for _ in range(50)]
        await asyncio.sleep(0)
        started = time.monotonic()
        evidences = await asyncio.gather(*[together.probe(quick.url, "/health", "json") for _ in range(50)])
        assert time.monotonic() - started < 0.8
        assert {evidence.status for evidence in evidences} == {"Healthy"}
        assert {evidence.detail for evidence in await asyncio.gather(*waiting)} == {"timeout"}


async def test_no_more_probes_are_under_way_than_allowed() -> None:
    under_way = most = 0

    async def counting(writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        writer.write(http("200 OK", HEALTHY))

    async with serving(counting) as server:
        narrow = prober(concurrency=3)
        await asyncio.gather(*[narrow.probe(server.url, "/health", "json") for _ in range(12)])
    assert most == 3


async def test_a_cancelled_probe_leaves_no_connection_open() -> None:
    asked = asyncio.Event()

    async def asked_and_silent(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await silent(writer)

    async with serving(asked_and_silent) as server:
        task = asyncio.create_task(prober().probe(server.url, "/health", "json"))
        await asyncio.wait_for(asked.wait(), 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate for `host` and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(minutes=5))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )


async def test_tls_is_spoken_with_the_name_of_the_url_at_the_pinned_address(tmp_path: Any) -> None:
    made, key = certificate("svc.example")
    (tmp_path / "both.pem").write_bytes(made + key)
    names: list[str | None] = []
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(tmp_path / "both.pem")
    theirs.sni_callback = lambda _socket, name, _context: names.append(name)

    async def here(host: str, port: int) -> Sequence[Address]:
        return [IPv4Address("127.0.0.1")]

    trusting = prober(resolver=here, tls=lambda: ssl.create_default_context(cadata=made.decode()))
    async with serving(http("200 OK", HEALTHY), tls=theirs) as server:
        good = await trusting.probe(f"https://svc.example:{server.port}", "/health", "json")
        other_name = await trusting.probe(f"https://other.example:{server.port}", "/health", "json")
        untrusted = await prober(resolver=here).probe(f"https://svc.example:{server.port}", "/health", "json")
    assert (good.status, good.detail) == ("Healthy", None)
    assert (other_name.status, other_name.detail) == ("Unknown", "tls")
    assert (untrusted.status, untrusted.detail) == ("Unknown", "tls")
    assert names[0] == "svc.example"


async def test_tls_with_a_target_that_speaks_none_is_unknown() -> None:
    async with serving(http("200 OK", HEALTHY)) as server:
        evidence = await prober(timeout=0.3).probe(f"https://127.0.0.1:{server.port}", "/health", "json")
    assert (evidence.status, evidence.detail) in (("Unknown", "timeout"), ("Unknown", "tls"))


@asynccontextmanager
async def listening_everywhere() -> AsyncIterator[tuple[int, list[str]]]:
    reached: list[str] = []

    def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(str(writer.get_extra_info("sockname")))
        writer.close()

    first = await asyncio.start_server(note, "127.0.0.1", 0)
    port = int(first.sockets[0].getsockname()[1])
    servers = [first]
    for host in ("127.0.0.2", "::1"):
        with suppress(OSError):  # a machine without that address has nothing to guard there
            servers.append(await asyncio.start_server(note, host, port))
    try:
        yield port, reached
    finally:
        for server in servers:
            server.close()


async def test_rebinding_between_check_and_connection_meets_nobody() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.9"]])

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        return [ip_address(answer) for answer in next(answers)]

    async with serving(http("200 OK", HEALTHY)) as server:
        guarded = prober(allowed=Networks.parse("127.0.0.1/32"), resolver=rebinding)
        first = await guarded.probe(f"http://name:{server.port}", "/health", "json")
        second = await guarded.probe(f"http://name:{server.port}", "/health", "json")
    assert (first.status, second.detail, server.connections) == ("Healthy", "blocked-address", 1)
