"""A corpus of targets that lead where no probe may go, each asked for in every scheme and format: nobody was reached.

Listeners stand on the addresses of this machine; a resolver answers every name with them, and whatever the system would be
made to connect to is seen before it happens: there is no attempt, to any address, that the guard did not pass.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from shared.runtime.health.addresses import Address, Networks
from shared.runtime.health.prober import Prober
from tests.unit.health.servers import http, listening_everywhere, serving

CORPUS: list[list[str]] = json.loads(Path(__file__).with_name("hostile_targets.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
ANSWERS = {
    "mixed.example": ["8.8.8.8", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "teredo.example": ["2001:0:7f00:1::"],
    "linklocal.example": ["fe80::1%1"],
    "metadata.example": ["169.254.169.254"],
    "empty.example": [],
}
EVERYTHING_ALLOWABLE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7"
REFUSED = {"blocked-address", "bad-url"}


async def hostile(host: str, port: int) -> Sequence[Address]:
    return [ip_address(answer) for answer in ANSWERS.get(host, ["127.0.0.1", "::1"])]


class _Watch:
    """Hears of every connection that this process tries, from the interpreter itself; it cannot be taken out again."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self.made is not None:
            self.made.append(arguments[1])


@pytest.fixture(scope="module")
def watch() -> _Watch:
    return _Watch()


@pytest.fixture
def attempts(watch: _Watch) -> Iterator[list[tuple[Any, ...]]]:
    """The addresses that a connection was tried to."""
    watch.made = made = []
    yield made
    watch.made = None


def test_the_corpus_is_as_large_as_it_is_to_be_and_names_each_target_once() -> None:
    hosts = [host for _, host in CORPUS]
    assert len(hosts) >= 300
    assert [host for host, count in Counter(hosts).items() if count > 1] == []


async def test_no_target_of_the_corpus_is_reached(attempts: list[tuple[Any, ...]]) -> None:
    async with listening_everywhere() as (port, reached):
        guarded = Prober(Networks(), lambda: NOON, timeout=5.0, resolver=hostile)
        asked = [
            (why, f"{scheme}://{host}{behind}", format)
            for why, host in CORPUS
            for scheme, behind, format in (
                ("http", f":{port}", "json"),
                ("https", f":{port}/", "plain"),
                ("http", f":{port}", "grpc"),
                ("http", "", "json"),
            )
        ]
        evidences = [await guarded.probe(url, "/health", format) for _, url, format in asked]
        await asyncio.sleep(0)
    found = zip(asked, evidences, strict=True)
    astray = [(one, evidence.detail) for one, evidence in found if evidence.detail not in REFUSED]
    assert astray == []
    assert {evidence.status for evidence in evidences} == {"Unknown"}
    assert reached == []
    assert attempts == []


async def test_not_even_where_every_private_network_is_allowed_is_what_is_never_allowed_reached(
    attempts: list[tuple[Any, ...]],
) -> None:
    guarded = Prober(Networks.parse(EVERYTHING_ALLOWABLE), lambda: NOON, timeout=5.0, resolver=hostile)
    never = [host for why, host in CORPUS if why.startswith(("instance metadata", "Azure's platform", "loopback"))]
    assert len(never) >= 75
    evidences = [await guarded.probe(f"http://{host}:8080", "/health", "json") for host in never]
    assert {evidence.detail for evidence in evidences} <= REFUSED
    assert attempts == []


async def test_the_listeners_do_hear_who_connects(attempts: list[tuple[Any, ...]]) -> None:
    """The witness of the tests above: allowed, the same target is reached and seen."""
    async with listening_everywhere() as (port, reached):
        open_to_all = Prober(Networks.parse("127.0.0.0/8"), lambda: NOON, timeout=5.0)
        await open_to_all.probe(f"http://127.0.0.1:{port}", "/health", "json")
        await asyncio.sleep(0.05)
    assert len(attempts) == len(reached) == 1


@asynccontextmanager
async def redirecting(location: str, status: int) -> AsyncIterator[str]:
    async with serving(http(f"{status} Moved", b"", f"Location: {location}", f"Refresh: 0; url={location}")) as server:
        yield server.url


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
async def test_no_redirect_leads_to_a_target_of_the_corpus(attempts: list[tuple[Any, ...]], status: int) -> None:
    async with listening_everywhere() as (port, reached):
        for _, host in CORPUS[::12]:
            printable = host.encode("ascii", "ignore").decode() if host.isprintable() else "127.0.0.1"
            async with redirecting(f"http://{printable}:{port}/", status) as url:
                evidence = await Prober(Networks.parse("127.0.0.0/8"), lambda: NOON).probe(url, "/health", "json")
                assert (evidence.status, evidence.detail) == ("Unknown", "redirect")
                assert attempts[-1][1] == int(url.rpartition(":")[2])
    assert reached == []
