"""A CONNECT proxy that knows the hosts of the stand-ins and no other: nothing leaves the machine through it.

Clients use it by HTTPS_PROXY and speak TLS with the stand-in end to end; the proxy only moves bytes. A host that is not
routed gets 403. A routed host that does not answer (its stand-in is down, or `exists` says that there is no such host)
gets its tunnel closed at once: of all a proxy can do, that alone reaches azure-core, sync and aio, as what the client
would see without a proxy, a failure to connect (`ServiceRequestError`); a 502 reaches aio clients as a bad answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from localazure.layout import LOOPBACK
from localazure.listener import Listener
from localazure.tls.tunnel import tunnel

_HEAD_LIMIT = 16 * 1024
_HEAD_SECONDS = 10
_TLS_PORT = "443"


class ConnectProxy:
    """`routes`: host → loopback port; `*.suffix` stands for one label, as in a certificate. Only port 443 is routed.

    `exists(host)` is asked about routed hosts: a wildcard covers names that DNS would not know.
    """

    def __init__(self, port: int, routes: Mapping[str, int], exists: Callable[[str], bool] = lambda _: True) -> None:
        self._routes = {host.lower(): target for host, target in routes.items()}
        self._exists = exists
        self._open: set[asyncio.StreamWriter] = set()
        self._listener = Listener(port, self._listen, lambda: [writer.transport.abort for writer in self._open])

    @property
    def port(self) -> int:
        return self._listener.port

    def route(self, host: str) -> int | None:
        """The loopback port of a host; None for every other host in the world."""
        host = host.lower()
        exact = self._routes.get(host)
        return exact if exact is not None else self._routes.get("*." + host.partition(".")[2])

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken. A second start is ignored."""
        await self._listener.start()

    async def stop(self) -> None:
        """Refuse connections from now on and cut the tunnels there are."""
        await self._listener.stop()

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, port, limit=_HEAD_LIMIT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            method, target = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), ""][:2]
            await self._answer(method, target, reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away, or never said what it wants
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, method: str, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        target_port = self.route(host) if method == "CONNECT" and port == _TLS_PORT else None
        if target_port is None:
            await _refuse(writer, method, target)
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        if self._exists(host.lower()):
            await tunnel(target_port, reader, writer, self._open)


async def _refuse(writer: asyncio.StreamWriter, method: str, target: str) -> None:
    body = f"localazure's proxy leads to its stand-ins only; refused: {method} {target}\n".encode()
    writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await writer.drain()
