"""A listening socket for every replica, on a port that is still free for it after a restart.

A kept port that is held by somebody else is waited for briefly; then a new one is drawn, with a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque

from localazure.listener import draw, listening

PORTS = range(20_000, 28_000)  # container apps have those up to 32768
_PATIENCE = 20  # tries for a kept port, 50 ms apart
_BACKLOG = 64
_REMEMBERED = 256  # ports that were given to replicas which may not listen yet

log = logging.getLogger(__name__)


async def listen(kept: int | None) -> socket.socket:
    """A listening socket on the kept port, else on a new one. Raises `OSError` when no port is free at all."""
    for _ in range(_PATIENCE if kept else 0):
        with contextlib.suppress(OSError):
            return _listening(kept or 0)
        await asyncio.sleep(0.05)
    if kept:
        log.warning("port %d of a replica is held by another process; it gets a new one", kept)
    return draw(PORTS, _listening)


class FreePorts:
    """Ports on which replicas can listen a moment later; nobody holds them until then, but none is given out twice soon."""

    def __init__(self) -> None:
        self._given: deque[int] = deque(maxlen=_REMEMBERED)

    def draw(self) -> int:
        """Raises `OSError` as `listen`."""
        while (port := _free()) in self._given:
            pass
        self._given.append(port)
        return port


def _free() -> int:
    with draw(PORTS, _listening) as held:
        return int(held.getsockname()[1])


def _listening(port: int) -> socket.socket:
    return listening(port, _BACKLOG)
