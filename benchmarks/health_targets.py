"""`python -m benchmarks.health_targets`: targets to probe, in a process of their own; prints their ports as JSON.

quick answers a health document at once and closes, slow takes the request and says nothing, dead is never accepted: the
kernel takes a few connections for it and drops the rest. Ends when its input ends.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import cast

LOOPBACK = "127.0.0.1"
DOCUMENT = json.dumps(
    {
        "status": "Healthy",
        "checks": [{"name": name, "status": "Healthy", "durationMs": 8} for name in ("self", "sql", "bus")],
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
    len(DOCUMENT),
    DOCUMENT,
)


class Quick(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)
        self.transport.close()


def never_accepted() -> socket.socket:
    listening = socket.socket()
    listening.bind((LOOPBACK, 0))
    listening.listen(1)
    return listening


async def main() -> None:
    loop = asyncio.get_running_loop()
    quick = await loop.create_server(Quick, LOOPBACK, 0, backlog=4096)
    slow = await loop.create_server(asyncio.Protocol, LOOPBACK, 0, backlog=4096)
    with never_accepted() as dead:
        ports = [quick.sockets[0].getsockname()[1], slow.sockets[0].getsockname()[1], dead.getsockname()[1]]
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
