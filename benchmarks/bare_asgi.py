"""A bare ASGI reply on the same uvicorn set-up as the local Functions host: the floor that a request can cost here.

`python -m benchmarks.bare_asgi PORT BYTES` serves a JSON body of that many bytes until it is ended. One process, uvloop and
httptools where they are installed, no access log: as `localazure.host` runs the app.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
LOOPBACK = "127.0.0.1"


class Reply:
    def __init__(self, size: int) -> None:
        self._body = b'"' + b"x" * max(size - 2, 0) + b'"'
        self._headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def main() -> None:
    port, size = (int(argument) for argument in sys.argv[1:3])
    uvicorn.run(
        Reply(size),
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
    )


if __name__ == "__main__":
    main()
