"""One probe: a guarded GET on raw asyncio, and evidence from whatever comes back, or does not.

Nothing that a target does raises: it becomes a status and a code. Resolving, connecting, TLS and the answer share one time
budget. No redirect is followed, no credential, cookie or proxy is involved, and every probe has a connection of its own
(aiohttp costs 3 times and httpx 40 times the CPU of this; research/performance_and_security.md, P11).

    Unhealthy   refused, disconnected, http-<status>: somebody answered for the target, and it does not work
    Unknown     timeout, unreachable, unresolved, tls, blocked-address, bad-url, bad-path, bad-response, too-large,
                redirect, not-json, not-health-document, grpc-not-supported: nobody can tell
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import cast

from shared.kernel.clock import Clock
from shared.kernel.record import Record
from shared.runtime.health.addresses import (
    Address,
    BadTarget,
    BlockedAddress,
    Networks,
    Resolve,
    Target,
    checked_addresses,
    parse_target,
    resolve,
)
from shared.runtime.health.answer import Answer, BadAnswer
from shared.runtime.health.document import Check, Format, HealthStatus, Verdict, judge, reads_body

TIMEOUT = 5.0  # seconds
MAX_BODY = 64 * 1024
CONCURRENCY = 256
MAX_ADDRESSES = 4  # of one name; the rest is not tried

_PATH = re.compile(r"/[!-~]{0,2047}")  # origin form, RFC 9112 §3.2.1: no space, no control character, so no second header

# In order: the first that matches tells.
_FAILURES: Sequence[tuple[type[Exception], HealthStatus, str]] = (
    (BadTarget, HealthStatus.UNKNOWN, "bad-url"),
    (BlockedAddress, HealthStatus.UNKNOWN, "blocked-address"),
    (TimeoutError, HealthStatus.UNKNOWN, "timeout"),
    (ssl.SSLError, HealthStatus.UNKNOWN, "tls"),
    (socket.gaierror, HealthStatus.UNKNOWN, "unresolved"),
    (ConnectionRefusedError, HealthStatus.UNHEALTHY, "refused"),
    (ConnectionError, HealthStatus.UNHEALTHY, "disconnected"),
    (OSError, HealthStatus.UNKNOWN, "unreachable"),
)


class Evidence(Record):
    """What one probe found. `evaluated_at` lies before the request was sent: what it tells is at least that new."""

    status: HealthStatus
    checks: list[Check] = []
    evaluated_at: datetime
    detail: str | None = None


class Prober:
    """Probes targets, many at a time.

    Args:
        allowed: networks beside the public ones that may be reached.
        clock: tells `evaluated_at`.
        timeout: seconds for one probe, once it has begun.
        max_body: bytes of an answer's body.
        concurrency: probes under way at once; the others wait for their turn.
        resolver, tls: the system's, unless a test knows better.

    One instance per event loop.
    """

    def __init__(
        self,
        allowed: Networks,
        clock: Clock,
        *,
        timeout: float = TIMEOUT,
        max_body: int = MAX_BODY,
        concurrency: int = CONCURRENCY,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._clock = clock
        self._timeout = timeout
        self._max_body = max_body
        self._turns = asyncio.Semaphore(concurrency)
        self._resolver = resolver
        self._given_tls = tls

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        """GET `path` at `base_url` and say what it means. Raises nothing for what the target is or does."""
        async with self._turns:
            started = self._clock()
            verdict = await self._verdict(base_url, path, format)
        return Evidence(status=verdict.status, checks=list(verdict.checks), evaluated_at=started, detail=verdict.detail)

    async def _verdict(self, base_url: str, path: str, format: Format) -> Verdict:
        if format == "grpc":
            return Verdict(HealthStatus.UNKNOWN, detail="grpc-not-supported")
        if _PATH.fullmatch(path) is None:
            return Verdict(HealthStatus.UNKNOWN, detail="bad-path")
        answer = Answer(self._max_body, lambda status: reads_body(format, status))
        try:
            async with asyncio.timeout(self._timeout):
                await self._ask(parse_target(base_url), path, answer)
        except BadAnswer as error:
            code = str(error)
            return Verdict(HealthStatus.UNHEALTHY if code == "disconnected" else HealthStatus.UNKNOWN, detail=code)
        except (BadTarget, BlockedAddress, OSError) as error:
            return _failure(error)
        return judge(format, answer.status, bytes(answer.body))

    async def _ask(self, target: Target, path: str, answer: Answer) -> None:
        addresses = await checked_addresses(target, self._allowed, self._resolver)
        exchange = await self._connect(target, addresses[:MAX_ADDRESSES], _request(target, path), answer)
        try:
            await exchange.finished
        finally:
            exchange.abort()

    async def _connect(self, target: Target, addresses: Sequence[Address], request: bytes, answer: Answer) -> _Exchange:
        """Connected to the first address that takes us: a pinned one, never the name again."""
        for address in addresses[:-1]:
            try:
                return await self._open(target, address, request, answer)
            except OSError:
                continue  # the next address may take us; the last one's error is the answer
        return await self._open(target, addresses[-1], request, answer)

    async def _open(self, target: Target, address: Address, request: bytes, answer: Answer) -> _Exchange:
        _, exchange = await asyncio.get_running_loop().create_connection(
            lambda: _Exchange(request, answer),
            str(address),
            target.port,
            ssl=self._tls if target.secure else None,
            server_hostname=target.host if target.secure else None,
        )
        return exchange

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


class _Exchange(asyncio.Protocol):
    """Sends the request and feeds the answer until it is done; then nothing more is read."""

    def __init__(self, request: bytes, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._transport: asyncio.Transport | None = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.finished.done():
            return
        try:
            self._answer.feed(data)
        except BadAnswer as error:
            self._finish(error)
        else:
            if self._answer.done:
                self._finish(None)

    def eof_received(self) -> None:
        if self.finished.done():
            return
        try:
            self._answer.end()
        except BadAnswer as error:
            self._finish(error)
        else:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._finish(exc or BadAnswer("disconnected"))

    def abort(self) -> None:
        """Drop the connection at once: a target that reads or closes slowly costs nothing."""
        if self._transport is not None:
            self._transport.abort()
        if self.finished.done() and not self.finished.cancelled():
            self.finished.exception()  # looked at, also where the time budget ended first

    def _finish(self, error: Exception | None) -> None:
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)


def _request(target: Target, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: connectsoft-runtime-prober",
        "Accept: application/json, */*;q=0.1",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _failure(error: Exception) -> Verdict:
    return next(Verdict(status, detail=code) for kind, status, code in _FAILURES if isinstance(error, kind))
