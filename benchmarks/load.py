"""A small load generator: raw HTTP/1.1 over kept connections, bounded in requests and in time.

A full client costs more than the server it measures (httpx about forty times a raw one here), so this one writes a request
that was encoded once and reads no more of an answer than its length. Every answer must have the status it is to have: a
server that refuses quickly measures nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECTIONS = 8
MOST_REQUESTS = 4000
MOST_SECONDS = 4.0


class UnexpectedAnswer(Exception):
    """A server answered otherwise than the benchmark needs; the text has the status line."""


@dataclass(frozen=True)
class Request:
    host: str
    port: int
    head: bytes

    @classmethod
    def get(cls, url: str, headers: Mapping[str, str]) -> Request:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *[f"{name}: {text}" for name, text in headers.items()]]
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, "\r\n".join([*lines, "", ""]).encode())


@dataclass
class Budget:
    """What is left of one load; shared by its connections."""

    requests: int
    until: float

    def take(self) -> bool:
        self.requests -= 1
        return self.requests >= 0 and time.perf_counter() < self.until


async def requests_per_second(request: Request, requests: int = MOST_REQUESTS, seconds: float = MOST_SECONDS) -> float:
    """Over `CONNECTIONS` connections at once, after one request each that does not count."""
    opened = await asyncio.gather(*[_opened(request) for _ in range(CONNECTIONS)])
    budget, began = Budget(requests, time.perf_counter() + seconds), time.perf_counter()
    done = sum(await asyncio.gather(*[_exhaust(connection, request, budget) for connection in opened]))
    elapsed = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return done / elapsed


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: Request) -> int:
        """The length of the answer's body. Raises `UnexpectedAnswer` unless it is 200 with a length."""
        self._writer.write(request.head)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status, _, fields = head.partition(b"\r\n")
        _, found, rest = fields.partition(b"content-length:")
        if b" 200 " not in status + b" " or not found:
            raise UnexpectedAnswer(status.decode(errors="replace"))
        length = int(rest.partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return length

    def close(self) -> None:
        self._writer.close()


async def connected(request: Request) -> Connection:
    return Connection(*await asyncio.open_connection(request.host, request.port))


async def _opened(request: Request) -> Connection:
    connection = await connected(request)
    await connection.send(request)
    return connection


async def _exhaust(connection: Connection, request: Request, budget: Budget) -> int:
    done = 0
    while budget.take():
        await connection.send(request)
        done += 1
    return done
