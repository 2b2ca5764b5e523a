"""gRPC: what the platform's server costs beside a bare one that answers with the same bytes.

GetServices of an environment with as many services as one may have, a thousand calls a round, against two echoes of the
pre-serialised answer that do nothing else: an empty one, and one that says its schema in initial metadata, as the contract
wants of every call; one change told to many streams, against a bare fan-out of the same message; and the answer's bytes
against REST's JSON of the same rows. All take the same token in the same metadata, over channels of the same kind, and take
turns within a round; servers are one process, the client is another and reads bytes without parsing them. Rates are by the
servers' CPU seconds, the median of the rounds: what else the machine does is hardly measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.grpc_server import BARE, get_services, stream_health
from benchmarks.ratio import Ratio, median
from shared.runtime.catalog.rows import MAX_SERVICES
from tests.grpc.served import carrying

CALLS, AT_ONCE, ROUNDS = 1000, 16, 5
STREAMS, CHANGES = 200, 10
SECONDS = 120.0


@dataclass(frozen=True)
class Servers:
    platform: str
    bare: str
    token: str
    sizes: tuple[int, int]  # bytes of the answer, and of the JSON


def measure() -> Iterator[Ratio]:
    with _serving() as servers:
        calls, messages = asyncio.run(_measured(servers))
    reads = "1.0 = as fast as an empty echo"
    subject = f"GetServices({CALLS:,})"
    yield Ratio(subject, calls["platform"], "a pre-serialised echo", calls["bare"], "calls/CPU s", reads)
    yield Ratio(subject, calls["platform"], "one that says its schema", calls["saying"], "calls/CPU s", reads)
    told = f"StreamHealth to {STREAMS}"
    yield Ratio(
        told, messages["platform"], "a bare fan-out", messages["bare"], "msg/CPU s", "1.0 = as fast as bare streams"
    )
    size, text = servers.sizes
    yield Ratio(f"{MAX_SERVICES} services, gRPC", size, "the same as JSON", text, "bytes", "below 1 = smaller")


async def _measured(servers: Servers) -> tuple[dict[str, float], dict[str, float]]:
    channels = {name: grpc.aio.insecure_channel(getattr(servers, name)) for name in ("platform", "bare")}
    ways = {"platform": get_services(), "bare": (f"/{BARE}/Get", b""), "saying": (f"/{BARE}/Say", b"")}
    try:
        calls: dict[str, list[float]] = {name: [] for name in ways}
        messages: dict[str, list[float]] = {name: [] for name in channels}
        for _ in range(ROUNDS):
            for name, (path, request) in ways.items():
                channel = channels["platform" if name == "platform" else "bare"]
                calls[name].append(await _calls(channel.unary_unary(path), request, servers.token, channels["bare"]))
            for name, rates in messages.items():
                rates.append(await _messages(channels, name, servers.token))
    finally:
        for channel in channels.values():
            await channel.close()
    return {name: median(rates) for name, rates in calls.items()}, {name: median(rates) for name, rates in messages.items()}


async def _spent(bare: Any) -> float:
    """CPU seconds of the servers so far."""
    return float(await bare.unary_unary(f"/{BARE}/Spent")(b""))


async def _calls(call: Any, request: bytes, token: str, bare: Any) -> float:
    """Calls a CPU second."""
    metadata = carrying(token)
    await call(request, metadata=metadata)  # what the first one makes does not count
    left = iter(range(CALLS))

    async def exhaust() -> None:
        for _ in left:
            await call(request, metadata=metadata, timeout=SECONDS)

    began = await _spent(bare)
    await asyncio.gather(*[exhaust() for _ in range(AT_ONCE)])
    return CALLS / (await _spent(bare) - began)


async def _messages(channels: dict[str, Any], name: str, token: str) -> float:
    """Messages a CPU second, from a change to the last of the streams that hears of it."""
    path, request = stream_health() if name == "platform" else (f"/{BARE}/Follow", b"")
    fire = channels["bare"].unary_unary(f"/{BARE}/{'Change' if name == 'platform' else 'Fire'}")
    call = channels[name].unary_stream(path)
    streams = [call(request, metadata=carrying(token), timeout=SECONDS) for _ in range(STREAMS)]
    await asyncio.gather(*[stream.read() for stream in streams])
    began = await _spent(channels["bare"])
    for _ in range(CHANGES):
        await fire(b"")
        await asyncio.gather(*[stream.read() for stream in streams])
    spent = await _spent(channels["bare"]) - began
    for stream in streams:
        stream.cancel()
    return STREAMS * CHANGES / spent


@contextlib.contextmanager
def _serving() -> Iterator[Servers]:
    """Both servers for the block. Raises `RuntimeError` when they do not start."""
    command = [sys.executable, "-m", "benchmarks.grpc_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError(f"the servers ended with {process.wait()}")
        told = json.loads(line)
        yield Servers(told["platform"], told["bare"], told["token"], (told["bytes"], told["json"]))
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
