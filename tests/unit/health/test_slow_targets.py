"""Slow, dead and endless targets: each is given up in time, and none delays another."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from benchmarks.health_probes import PATH, Ports, targets
from shared.kernel.clock import now
from shared.runtime.health.addresses import Networks
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.prober import Prober
from tests.unit.health.servers import HEALTHY, LOOPBACK, NOON, Behave, http, probed, prober, serving, silent, trickling

TARGETS = 400  # of which sixty never answer, and come first
PLACES = 16
PATIENCE = 60.0


async def test_all_quick_targets_are_answered_while_every_slow_and_dead_one_is_still_waited_for() -> None:
    with targets() as ports:
        prober = Prober(Networks.parse("127.0.0.0/8"), now, timeout=PATIENCE, concurrency=PLACES)
        asked = [(url, asyncio.create_task(prober.probe(url, PATH, "json"))) for url in ports.urls(TARGETS)]
        quick = [task for url, task in asked if _is_quick(url, ports)]
        others = [task for url, task in asked if not _is_quick(url, ports)]
        assert (len(quick), len(others)) == (340, 60)
        evidences = await asyncio.wait_for(asyncio.gather(*quick), PATIENCE / 2)
        assert {evidence.status for evidence in evidences} == {HealthStatus.HEALTHY}
        assert not any(task.done() for task in others)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _is_quick(url: str, ports: Ports) -> bool:
    return url.endswith(f":{ports.quick}")


async def tiny_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1;" + b"x" * 200 + b"\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behave", [silent, trickling, tiny_chunks])
async def test_a_slow_target_is_unknown_within_the_budget(behave: Behave) -> None:
    started = time.monotonic()
    async with asyncio.timeout(20):
        evidence = await probed(behave, timeout=0.3)
    assert (evidence.status, evidence.detail) == ("Unknown", "timeout")
    assert time.monotonic() - started > 0.25


async def test_a_plain_target_needs_a_good_status_and_nobody_waits_for_its_body() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(30)

    assert (await probed(endless, format="plain", timeout=20.0)).status == "Healthy"
    assert (await probed(http("500 Oops"), format="plain")).status == "Unhealthy"


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
        await asyncio.wait_for(server.dropped.wait(), PATIENCE)
    assert (evidence.status, evidence.detail) == ("Unknown", "too-large")
    assert sent < 50_000_000  # what fits the sockets' buffers


async def test_evidence_of_a_probe_that_waited_for_its_turn_is_dated_after_the_wait() -> None:
    ticks = iter(range(1000))
    patient = Prober(LOOPBACK, lambda: NOON + timedelta(seconds=next(ticks)), concurrency=1)
    async with serving(http("200 OK", HEALTHY)) as server:
        evidences = await asyncio.gather(*[patient.probe(server.url, "/health", "json") for _ in range(5)])
    assert [evidence.evaluated_at for evidence in evidences] == [NOON + timedelta(seconds=n) for n in range(5)]


async def test_slow_targets_do_not_delay_the_others() -> None:
    """Nobody slow answers before everybody quick did, and there are more of them than places."""
    released = asyncio.Event()

    async def held(writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(http("200 OK", HEALTHY))

    async with serving(held) as slow, serving(http("200 OK", HEALTHY)) as quick:
        together = prober(timeout=PATIENCE, concurrency=PLACES)
        waiting = [asyncio.create_task(together.probe(slow.url, "/health", "json")) for _ in range(PLACES * 2)]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE / 2):
            evidences = await asyncio.gather(*[together.probe(quick.url, "/health", "json") for _ in range(50)])
        assert {evidence.status for evidence in evidences} == {HealthStatus.HEALTHY}
        assert not any(task.done() for task in waiting)
        released.set()
        assert {evidence.status for evidence in await asyncio.gather(*waiting)} == {HealthStatus.HEALTHY}


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

    async def asked_and_trickling(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await trickling(writer)

    async with serving(asked_and_trickling) as server:
        task = asyncio.create_task(prober(timeout=PATIENCE).probe(server.url, "/health", "json"))
        await asyncio.wait_for(asked.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.dropped.wait(), PATIENCE)
