"""Listening sockets on loopback that can be closed as a crash closes them, and opened again where they were."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable

from localazure.layout import LOOPBACK

_DRAWS = 200


class Listener:
    """`serve(port)` opens the server; `cuts` are what ends its open connections, in the moment of the stop.

    Port 0 draws a free one at the first start; `port` is the one in use from then on.
    """

    def __init__(
        self,
        port: int,
        serve: Callable[[int], Awaitable[asyncio.Server]],
        cuts: Callable[[], Iterable[Callable[[], None]]],
    ) -> None:
        self.port = port
        self._serve, self._cuts = serve, cuts
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Idempotent. Raises `OSError` when the port is taken."""
        if self._server is None:
            self._server = await self._serve(self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections from now on and cut the open ones, at once. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for cut in list(self._cuts()):
            cut()
        await server.wait_closed()


def bind(port: int) -> socket.socket:
    """A socket for asyncio on a port of loopback, bound and not listening yet. Raises `OSError` when the port is taken."""
    held = socket.socket()
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, port))
    except OSError:
        held.close()
        raise
    held.setblocking(False)
    return held


def listening(port: int, backlog: int) -> socket.socket:
    """The same as `bind`, listening already. Raises `OSError` when the port is taken."""
    held = bind(port)
    try:
        held.listen(backlog)
    except OSError:
        held.close()
        raise
    return held


def draw(ports: range, occupy: Callable[[int], socket.socket]) -> socket.socket:
    """What `occupy` makes on a port of a range, drawn; on any free one when it refused (`OSError`) many in a row.

    Take a range below the one from which the system gives ports to outgoing connections (32768 on Linux, 49152 on macOS):
    one of those could be taken by any client while the process is down, and the listener would come back elsewhere.
    """
    for _ in range(_DRAWS):
        with contextlib.suppress(OSError):
            return occupy(ports[secrets.randbelow(len(ports))])
    return occupy(0)
