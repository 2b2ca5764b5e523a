"""GET of a service's health per second through the running platform, against a bare ASGI reply of the same size.

Both are one process on the same uvicorn set-up and are asked by the same generator, taking turns. The platform's request
is whole: token verified, tenant and scope checked, rows read from Azurite (a process of its own, which is the larger half
of the cost), document and ETag made. The same against `/alive`, which touches no table, says what the app itself costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.load import Request, connected, requests_per_second
from benchmarks.platform import Platform, started, until
from benchmarks.ratio import Ratio, median

ROUNDS = 3
LOOPBACK = "127.0.0.1"


def measure(platform: Platform, health_path: str) -> Iterator[Ratio]:
    headers = {"Authorization": f"Bearer {platform.token}"}
    health = Request.get(f"{platform.api}/v1/runtime{health_path}", headers)
    alive = Request.get(f"{platform.api}/alive", {})
    with _bare(asyncio.run(_size(health))) as bare:
        rates = asyncio.run(_taking_turns({"health": health, "alive": alive, "bare": bare}))
    reads = "1.0 = as fast as a bare reply"
    yield Ratio("GET service health", rates["health"], "a bare ASGI reply", rates["bare"], "req/s", reads)
    yield Ratio("GET /alive", rates["alive"], "a bare ASGI reply", rates["bare"], "req/s", reads)


async def _taking_turns(requests: Mapping[str, Request]) -> dict[str, float]:
    measured: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, request in requests.items():
            measured[name].append(await requests_per_second(request))
    return {name: median(values) for name, values in measured.items()}


async def _size(request: Request) -> int:
    connection = await connected(request)
    try:
        return await connection.send(request)
    finally:
        connection.close()


@contextlib.contextmanager
def _bare(size: int) -> Iterator[Request]:
    """A bare server of replies of that size; ended with the block."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as drawn:
        drawn.bind((LOOPBACK, 0))
        port = drawn.getsockname()[1]
        drawn.close()
        log = Path(folder) / "bare.log"
        with started(["benchmarks.bare_asgi", str(port), str(size)], log) as process:
            until(lambda: _listens(port), process, log)
            yield Request.get(f"http://{LOOPBACK}:{port}/", {})


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
        return True
    return False
