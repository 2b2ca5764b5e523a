"""The proxy's listener: what `down` closes and opens, and who is connected.

Requests of a connection are served one after the other, over a connection to Azurite of its own (`client`, `upstream`).
Nothing is ever sent twice: an answer that Azurite did not give is not given here either, but for 503 where it cannot even
be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from localazure.control.faults import Fault
from localazure.layout import LOOPBACK
from localazure.listener import Listener
from localazure.tables.client import Client, Route

_BACKLOG = 2048


class Count(Protocol):
    def __call__(self, method: str, path: str, status: int) -> None: ...


class TablesProxy:
    """127.0.0.1:`port` before Azurite on 127.0.0.1:`azurite`.

    `strike` draws the fault that hits a request; `count` hears of every answer: method, path without keys, status.
    """

    def __init__(self, port: int, azurite: int, strike: Callable[[], Fault | None], count: Count) -> None:
        self._clients: set[Client] = set()
        self._route = Route(azurite, strike, count, self._clients)
        self._listener = Listener(port, self._serve, lambda: [client.abort for client in self._clients])

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self) -> None:
        """Listen. Idempotent. Raises `OSError` when the port is taken. Port 0 draws a free one."""
        await self._listener.start()

    async def stop(self) -> None:
        """Refuse connections and cut the open ones, at once. Idempotent."""
        await self._listener.stop()

    async def _serve(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Client(self._route), LOOPBACK, port, backlog=_BACKLOG)
