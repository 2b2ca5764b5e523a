"""One connection to Azurite: opened for the first request, kept for the next ones, opened again when it has gone stale.

Azurite ends a connection that was idle for five seconds. One that rested for longer than `_FRESH_SECONDS` is not used
again, so that no request meets that end. What is written before the connection stands waits here.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from localazure.layout import LOOPBACK

_FRESH_SECONDS = 3.0


class Downstream(Protocol):
    """Who asked."""

    def answered(self, data: bytes) -> None: ...

    def unreachable(self) -> None:
        """There is no connection; nothing of the request has been sent."""

    def cut(self) -> None:
        """Azurite ended the connection."""

    def hold(self, full: bool) -> None:
        """Stop sending (`full`) or go on."""


class Upstream(asyncio.Protocol):
    def __init__(self, port: int, downstream: Downstream) -> None:
        self._port, self._downstream = port, downstream
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None
        self._rested = 0.0

    @property
    def stale(self) -> bool:
        """Whether the next request needs another connection."""
        if self._connecting is not None:
            return False
        idle = asyncio.get_running_loop().time() - self._rested
        return self._transport is None or self._transport.is_closing() or idle > _FRESH_SECONDS

    def rest(self) -> None:
        """An answer is over."""
        self._rested = asyncio.get_running_loop().time()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
            return
        self._waiting.append(data)
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def abort(self) -> None:
        """End the connection; nobody hears of it."""
        self._downstream = _Nobody()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            self._transport.close()

    def hold(self, full: bool) -> None:
        """Stop reading (`full`), because the client does not keep up, or go on."""
        if self._transport is None or self._transport.is_closing():
            return
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, LOOPBACK, self._port)
        except OSError:
            self._connecting = None
            self._downstream.unreachable()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._connecting = cast(asyncio.Transport, transport), None
        self.rest()
        waiting, self._waiting = self._waiting, []
        self._transport.writelines(waiting)

    def data_received(self, data: bytes) -> None:
        self._downstream.answered(data)

    def pause_writing(self) -> None:
        self._downstream.hold(True)

    def resume_writing(self) -> None:
        self._downstream.hold(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._downstream.cut()


class _Nobody:
    """Who asked has gone."""

    def answered(self, data: bytes) -> None: ...
    def unreachable(self) -> None: ...
    def cut(self) -> None: ...
    def hold(self, full: bool) -> None: ...
