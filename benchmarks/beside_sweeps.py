"""The slowest of a hundred GETs while sweeps run, against the same before there is anything to sweep: p99, one at a time.

The platform is one process here, as it is on one instance in Azure: what a sweep does, the requests beside it wait for.
With `--quick` health is swept every two seconds and not every thirty, so the services of this run cost what fifteen times
as many cost at the cadence of production. Both halves ask the same environment of one service for its health.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator

from benchmarks.load import Request, connected
from benchmarks.platform import TARGET, Platform, serving
from benchmarks.ratio import Ratio

ENVIRONMENTS, SERVICES = 4, 25
SECONDS = 15.0


def measure() -> Iterator[Ratio]:
    with serving(quick=True) as platform:
        path = platform.service_with_health()
        quiet = asyncio.run(_p99(platform, path))
        for number in range(ENVIRONMENTS):
            platform.release(platform.environment(f"swept-{number}"), _modules(number))
        beside = asyncio.run(_p99(platform, path))
    swept = f"GET beside sweeps of {ENVIRONMENTS * SERVICES} {TARGET} services every 2 s, p99"
    yield Ratio(swept, beside, "without", quiet, "ms", "aim 1.5 or less")


def _modules(number: int) -> list[str]:
    return [f"module-swept-{number}-{one}" for one in range(SERVICES)]


async def _p99(platform: Platform, path: str) -> float:
    """Milliseconds."""
    request = Request.get(f"{platform.api}/v1/runtime{path}", {"Authorization": f"Bearer {platform.token}"})
    connection = await connected(request)
    try:
        await connection.send(request)
        until, taken = time.perf_counter() + SECONDS, []
        while (began := time.perf_counter()) < until:
            await connection.send(request)
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        connection.close()
    return statistics.quantiles(taken, n=100)[98]
