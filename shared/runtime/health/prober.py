"""One probe: a guarded GET, or gRPC health check, on a plain socket, and evidence from whatever comes back, or does not.

Nothing that a target does raises: it becomes a status and a code. Resolving, connecting, TLS and the answer share one time
budget. No redirect is followed, no credential, cookie or proxy is involved, and every probe has a connection of its own
(aiohttp costs twice and httpx 40 times the CPU of this; `python -m benchmarks probes`).

    Unhealthy   refused, disconnected, http-<status>: somebody answered for the target, and it does not work
    Unknown     timeout, unreachable, unresolved, tls, blocked-address, bad-url, bad-path, bad-response, too-large,
                redirect, not-json, not-health-document, not-grpc: nobody can tell
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from shared.kernel.clock import Clock
from shared.kernel.record import Record
from shared.runtime.health.addresses import (
    KEPT,
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
from shared.runtime.health.answer import Answer
from shared.runtime.health.document import Check, Format, HealthStatus, Verdict, judge, reads_body
from shared.runtime.health.exchange import BadAnswer, Exchange, Talk
from shared.runtime.health.grpc_check import ALPN, GrpcCheck
from shared.runtime.health.secured import Secured
from shared.runtime.health.turns import Turns

TIMEOUT = 5.0  # seconds
MAX_BODY = 64 * 1024
CONCURRENCY = 256
ASIDE = 512  # slow ones beside them: with both, well below the open files that a process may have
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
        aside: slow ones beside them.
        resolver, tls: the system's, unless a test knows better. `tls` makes a context per protocol that is spoken over it.

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
        aside: int = ASIDE,
        resolver: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._allowed = allowed
        self._clock = clock
        self._timeout = timeout
        self._max_body = max_body
        self._turns = Turns(concurrency, aside)
        self._resolver = resolver
        self._made_tls = tls

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        """GET `path` at `base_url` and say what it means. Raises nothing for what the target is or does."""
        turn = await self._turns.turn()
        try:
            started = self._clock()
            verdict = await self._verdict(base_url, path, format)
        finally:
            turn.end()
        return Evidence(status=verdict.status, checks=list(verdict.checks), evaluated_at=started, detail=verdict.detail)

    async def _verdict(self, base_url: str, path: str, format: Format) -> Verdict:
        try:
            async with asyncio.timeout(self._timeout):
                target = parse_target(base_url)
                return await (self._checked(target) if format == "grpc" else self._got(target, path, format))
        except BadAnswer as error:
            code = str(error)
            return Verdict(HealthStatus.UNHEALTHY if code == "disconnected" else HealthStatus.UNKNOWN, detail=code)
        except (BadTarget, BlockedAddress, OSError) as error:
            return _failure(error)

    async def _got(self, target: Target, path: str, format: Format) -> Verdict:
        if _PATH.fullmatch(path) is None:
            return Verdict(HealthStatus.UNKNOWN, detail="bad-path")
        answer = Answer(self._max_body, lambda status: reads_body(format, status))
        await self._ask(
            _Question(target, _request(target.authority, path), answer, self._http_tls if target.secure else None)
        )
        return judge(format, answer.status, bytes(answer.body))

    async def _checked(self, target: Target) -> Verdict:
        check = GrpcCheck(target.authority, secure=target.secure, max_bytes=self._max_body)
        await self._ask(_Question(target, check.opening, check, self._grpc_tls if target.secure else None))
        return check.verdict()

    async def _ask(self, question: _Question) -> None:
        addresses = await checked_addresses(question.target, self._allowed, self._resolver)
        await _answered(question, addresses[:MAX_ADDRESSES])

    @cached_property
    def _http_tls(self) -> ssl.SSLContext:
        return self._made_tls()

    @cached_property
    def _grpc_tls(self) -> ssl.SSLContext:
        context = self._made_tls()
        context.set_alpn_protocols([ALPN])  # what gRPC servers insist on
        return context


@dataclass(frozen=True)
class _Question:
    target: Target
    opening: bytes
    talk: Talk
    tls: ssl.SSLContext | None

    def put_to(self, address: Address) -> Exchange:
        if self.tls is None:
            return Exchange(address, self.target.port, self.opening, self.talk)
        secured = Secured(self.tls, self.target.host, self.opening, self.talk)
        return Exchange(address, self.target.port, secured.opening, secured)


async def _answered(question: _Question, addresses: Sequence[Address]) -> None:
    """By the first address that takes us: a pinned one, never the name again."""
    for left in range(len(addresses) - 1, -1, -1):
        exchange = question.put_to(addresses[-1 - left])
        try:
            return await exchange.finished
        except OSError:
            if exchange.reached or not left:
                raise
        finally:
            exchange.end()


@lru_cache(KEPT)
def _request(authority: str, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {authority}",
        "User-Agent: connectsoft-runtime-prober",
        "Accept: application/json, */*;q=0.1",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _failure(error: Exception) -> Verdict:
    return next(Verdict(status, detail=code) for kind, status, code in _FAILURES if isinstance(error, kind))
