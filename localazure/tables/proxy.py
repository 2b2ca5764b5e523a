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
from localazure.tables.client import Client, Route

_BACKLOG = 2048


class Count(Protocol):
    def __call__(self, method: str, path: str, status: int) -> None: ...


class TablesProxy:
    """127.0.0.1:`port` before Azurite on 127.0.0.1:`azurite`.

    `strike` draws the fault that hits a request; `count` hears of every answer: method, path without keys, status.
    """

    def __init__(self, port: int, azurite: int, strike: Callable[[], Fault | None], count: Count) -> None:
        self.port = port
        self._clients: set[Client] = set()
        self._route = Route(azurite, strike, count, self._clients)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Idempotent. Raises `OSError` when the port is taken. Port 0 draws a free one."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self._route), LOOPBACK, self.port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and cut the open ones, at once. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for client in list(self._clients):
            client.abort()
        await server.wait_closed()
