"""When a child serves: asked over its own port, so that Ready means that a caller gets answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from localazure.layout import LOOPBACK

Probe = Callable[[], Awaitable[bool]]
_ANSWER_SECONDS = 5.0


def answers(port: int, path: str, *, status: int | None = None, trust: ssl.SSLContext | None = None) -> Probe:
    """Whether an HTTP GET is answered, with any status or with the given one; over TLS where `trust` is given."""

    async def probe() -> bool:
        with contextlib.suppress(OSError, TimeoutError, ValueError, IndexError):
            got = await asyncio.wait_for(_get(port, path, trust), _ANSWER_SECONDS)
            return status is None or got == status
        return False

    return probe


def accepts(port: int) -> Probe:
    """Whether a connection is accepted: for what speaks no HTTP/1 and listens only once it can serve."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), _ANSWER_SECONDS)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return probe


async def _get(port: int, path: str, trust: ssl.SSLContext | None) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=trust)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
