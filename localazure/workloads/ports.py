"""A listening socket for every replica, on a port that is still free for it after a restart.

Ports are drawn below the range from which the system gives ports to outgoing connections (32768 on Linux, 49152 on
macOS): one from that range could be taken by any client while the process is down, and the replica would come back
elsewhere. A kept port that is held by somebody else is waited for briefly; then a new one is drawn, with a warning.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket

from localazure.layout import LOOPBACK

FIRST, LAST = 20_000, 32_767
_DRAWS = 200
_PATIENCE = 20  # tries for a kept port, 50 ms apart
_BACKLOG = 64

log = logging.getLogger(__name__)


async def listen(kept: int | None) -> socket.socket:
    """A listening socket on the kept port, else on a new one. Raises `OSError` when no port is free at all."""
    for _ in range(_PATIENCE if kept else 0):
        if (held := _bind(kept or 0)) is not None:
            return held
        await asyncio.sleep(0.05)
    if kept:
        log.warning("port %d of a replica is held by another process; it gets a new one", kept)
    for _ in range(_DRAWS):
        if (drawn := _bind(FIRST + secrets.randbelow(LAST - FIRST + 1))) is not None:
            return drawn
    if (any_free := _bind(0)) is None:
        raise OSError("no free port on loopback")
    return any_free


def _bind(port: int) -> socket.socket | None:
    held = socket.socket()
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, port))
        held.listen(_BACKLOG)
    except OSError:
        held.close()
        return None
    held.setblocking(False)
    return held
