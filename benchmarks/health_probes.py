"""Health probes per second of one core, against a raw asyncio client and aiohttp; and whether slow targets delay others.

Each client asks the same targets, in a process of their own, over a connection per probe, and takes turns with the others.
What counts is the processor time of this process. The raw client writes a request and reads to the end: no name, no
guard, no budget, no judgement. aiohttp reads the document as JSON.

On time is who was answered before the first slow target's time was up: such a target waited for no slow one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from benchmarks.ratio import Ratio, median
from shared.kernel.clock import now
from shared.runtime.health.addresses import Networks
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.prober import Prober

PROBES = 1500
AT_ONCE = 64
ROUNDS = 9
TARGETS = 2000
SLOW, DEAD = 0.10, 0.05
TIMEOUT = 5.0  # seconds
AIM = 0.999
PATH = "/health"

Ask = Callable[[str], Awaitable[object]]


@dataclass(frozen=True)
class Ports:
    quick: int
    slow: int
    dead: int

    def urls(self, count: int) -> list[str]:
        """Slow and dead ones first: the others have to get past them."""
        slow, dead = round(count * SLOW), round(count * DEAD)
        ports = [self.slow] * slow + [self.dead] * dead + [self.quick] * (count - slow - dead)
        return [f"http://127.0.0.1:{port}" for port in ports]


@contextlib.contextmanager
def targets() -> Iterator[Ports]:
    command = [sys.executable, "-m", "benchmarks.health_targets"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101 - asked for
        try:
            yield Ports(*json.loads(process.stdout.readline()))
        finally:
            process.kill()


def measure() -> Iterator[Ratio]:
    with targets() as ports:
        rates = asyncio.run(_rates(f"http://127.0.0.1:{ports.quick}"))
        yield Ratio("health probes", rates["ours"], "a raw asyncio client", rates["raw"], "/s/core", "aim 0.6 or more")
        yield Ratio("health probes", rates["ours"], "aiohttp", rates["aiohttp"], "/s/core", "aim 2 or more")
        share = asyncio.run(on_time(ports, TARGETS))
        yield Ratio(
            f"on time of {TARGETS}, {SLOW:.0%} slow, {DEAD:.0%} dead", share, "aim", AIM, "", "1.0 or more = reached"
        )


async def on_time(ports: Ports, count: int, patience: float = TIMEOUT) -> float:
    """The share of the quick targets that were answered while every slow one was still waited for."""
    prober = Prober(Networks.parse("127.0.0.0/8"), now, timeout=patience)
    urls, late = ports.urls(count), asyncio.Event()

    async def one(url: str) -> bool:
        evidence = await prober.probe(url, PATH, "json")
        if evidence.detail == "timeout":
            late.set()
        return evidence.status is HealthStatus.HEALTHY and not late.is_set()

    answered = await asyncio.gather(*map(one, urls))
    return sum(answered) / sum(url.endswith(f":{ports.quick}") for url in urls)


async def _rates(url: str) -> dict[str, float]:
    from aiohttp import ClientSession, TCPConnector

    prober = Prober(Networks.parse("127.0.0.0/8"), now, timeout=TIMEOUT)
    port = int(url.rpartition(":")[2])
    async with ClientSession(connector=TCPConnector(force_close=True, limit=AT_ONCE)) as session:

        async def with_aiohttp(_: str) -> object:
            async with session.get(url + PATH) as answer:
                return await answer.json()

        clients: dict[str, Ask] = {
            "ours": lambda _: prober.probe(url, PATH, "json"),
            "raw": lambda _: _raw(port),
            "aiohttp": with_aiohttp,
        }
        measured: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(ROUNDS):
            for name, ask in clients.items():
                measured[name].append(await _rate(ask, url))
    return {name: median(values) for name, values in measured.items()}


async def _rate(ask: Ask, url: str) -> float:
    """Probes per second of processor time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await ask(url)

    began = time.process_time()
    await asyncio.gather(*[one() for _ in range(PROBES)])
    return PROBES / (time.process_time() - began)


class _Raw(asyncio.Protocol):
    def __init__(self) -> None:
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.read += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(self.read)


async def _raw(port: int) -> bytes:
    _, exchange = await asyncio.get_running_loop().create_connection(_Raw, "127.0.0.1", port)
    return await exchange.ended
