"""Probes over TLS: the name that is checked, the address that is pinned, and answers that end in every way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any

import pytest

from shared.runtime.health.addresses import Address
from tests.unit.health.servers import HEALTHY, Behave, certificate, http, prober, serving


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


async def closing(writer: asyncio.StreamWriter) -> None:
    """No length: the answer ends where TLS does."""
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + HEALTHY)


async def cutting(writer: asyncio.StreamWriter) -> None:
    writer.write(http("200 OK", HEALTHY)[:-5])


async def padded(writer: asyncio.StreamWriter) -> None:
    """More than one record of TLS, and more than one reading of the socket."""
    writer.write(http("200 OK", HEALTHY + b" " * (65_536 - len(HEALTHY))))


async def flooding(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_000)


ENDS = {
    "it ends with the connection": (closing, "Healthy", None),
    "cut off": (cutting, "Unhealthy", "disconnected"),
    "as large as it may be": (padded, "Healthy", None),
    "too large": (flooding, "Unknown", "too-large"),
}


@pytest.mark.parametrize(("behave", "status", "detail"), ENDS.values(), ids=ENDS)
async def test_an_answer_over_tls_ends_as_it_would_without(
    tmp_path: Any, behave: Behave, status: str, detail: str | None
) -> None:
    made, key = certificate("localhost.example")
    (tmp_path / "both.pem").write_bytes(made + key)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(tmp_path / "both.pem")

    async def here(host: str, port: int) -> Sequence[Address]:
        return [IPv4Address("127.0.0.1")]

    trusting = prober(resolver=here, timeout=20.0, tls=lambda: ssl.create_default_context(cadata=made.decode()))
    async with serving(behave, tls=theirs) as server:
        evidence = await trusting.probe(f"https://localhost.example:{server.port}", "/health", "json")
    assert (evidence.status, evidence.detail) == (status, detail)


async def test_a_target_that_hangs_up_while_hands_are_shaken_is_unhealthy() -> None:
    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        evidence = await prober(timeout=20.0).probe(f"https://127.0.0.1:{port}", "/health", "json")
    assert (evidence.status, evidence.detail) == ("Unhealthy", "disconnected")
