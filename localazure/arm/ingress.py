"""The HTTPS addresses of container apps: one loopback listener per app and per active revision.

In Azure a host name leads to the environment's Envoy; here every `fqdn` is `127.0.0.1:<port>` and the port decides. Each
request is routed by itself: the forwarder reads one request head, asks for `Connection: close` on both sides and then
copies bytes, so that a client's kept connection never outlives a change of the traffic. Without a ready replica: 503.
HTTP/2 goes to one replica as it is, for as long as its connection: who speaks it here (gRPC health) asks once and leaves.

Ports are drawn once per address and kept on the shelf. One that somebody else took meanwhile is drawn again, with a
warning: the address changes, as it would for an app that was made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Callable

from localazure.listener import bind, draw
from localazure.shelf import Shelf
from localazure.workloads.port import Replica

PORT = "arm.port"
_PORTS = range(28_000, 32_768)  # beside those of the workload runner
_HEAD_LIMIT = 64 * 1024
_HEAD_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_CONNECTION = re.compile(rb"\r\n(?:connection|keep-alive|x-forwarded-proto):[^\r\n]*", re.IGNORECASE)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost:[ \t]*([^\r\n]*)", re.IGNORECASE)
_NO_REPLICA = b"no healthy upstream"
log = logging.getLogger(__name__)

Choose = Callable[[str], Replica | None]  # by the Host header


class Ingress:
    """Listeners by key; the key is what the address belongs to (an app's or a revision's id)."""

    def __init__(self, shelf: Shelf, tls: ssl.SSLContext) -> None:
        self._shelf = shelf
        self._tls = tls
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self._reserved: dict[str, socket.socket] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()

    def reserve(self, key: str) -> int:
        """Bind the address of `key` (the kept port where there is one) and give its port. Idempotent."""
        kept = (self._shelf.get(PORT, key) or {}).get("port", 0)
        if key in self._reserved or key in self._servers:
            return int(kept)
        listener = self._bind(int(kept))
        port = int(listener.getsockname()[1])
        if port != kept:
            self._shelf.put(PORT, key, {"port": port})
        self._reserved[key] = listener
        return port

    def _bind(self, kept: int) -> socket.socket:
        if kept:
            try:
                return bind(kept)
            except OSError:
                log.warning("port %d of a container app was taken by another program; drawing another", kept)
        return draw(_PORTS, self._bind_new)

    def _bind_new(self, port: int) -> socket.socket:
        """A port that no address of ours is kept on: while nobody listens there, the system would give it twice."""
        if any(document["port"] == port for document in self._shelf.all(PORT).values()):
            raise OSError(f"port {port} belongs to another address")
        return bind(port)

    async def open(self, key: str, choose: Choose) -> None:
        """Serve the address of `key`; `choose` picks the replica of each request. Idempotent."""
        if key in self._servers:
            return
        self.reserve(key)
        listener = self._reserved.pop(key)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._tracked(reader, writer, choose)

        self._servers[key] = await asyncio.start_server(serve, sock=listener, ssl=self._tls, limit=_HEAD_LIMIT)

    def shut(self, key: str, *, forget: bool = False) -> None:
        """Stop serving; with `forget` the port is given up too."""
        if server := self._servers.pop(key, None):
            server.close()
        if listener := self._reserved.pop(key, None):
            listener.close()
        if forget:
            self._shelf.delete(PORT, key)

    async def close(self) -> None:
        for key in [*self._servers, *self._reserved]:
            self.shut(key)
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _tracked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, choose: Choose) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs its callback in a task
        self._connections.add(task)
        try:
            await _forward(reader, writer, choose)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            log.debug("an ingress connection ended early", exc_info=True)
        finally:
            self._connections.discard(task)
            await _shut(writer)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, choose: Choose) -> None:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
    host = _HOST.search(head)
    replica = choose(host[1].decode("latin-1") if host else "")
    if replica is None:
        return await _refuse(writer)
    try:
        connecting = asyncio.open_connection(replica.host, replica.port)
        upstream, sink = await asyncio.wait_for(connecting, _CONNECT_SECONDS)
    except (OSError, TimeoutError):
        return await _refuse(writer)
    try:
        sink.write(_for_one_request(head))
        await _until_either_ends(_copy(reader, sink), _copy(upstream, writer))
    finally:
        await _shut(sink)


def _for_one_request(head: bytes) -> bytes:
    """The head with `Connection: close`; an upgrade keeps its connection, for it is the last request on it."""
    if head == _PREFACE or _UPGRADE.search(head):
        return head
    return _CONNECTION.sub(b"", head)[:-2] + b"Connection: close\r\nX-Forwarded-Proto: https\r\n\r\n"


async def _refuse(writer: asyncio.StreamWriter) -> None:
    lines = ("HTTP/1.1 503 Service Unavailable", "Content-Type: text/plain", f"Content-Length: {len(_NO_REPLICA)}")
    writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + _NO_REPLICA)
    await writer.drain()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_HEAD_LIMIT):
        sink.write(data)
        await sink.drain()


async def _until_either_ends(*copies: object) -> None:
    tasks = [asyncio.ensure_future(copy) for copy in copies]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.TimeoutError):  # the peer may be gone already
        await asyncio.wait_for(writer.wait_closed(), 1.0)
