"""Bytes moved between a client and a port of loopback, whatever they are: TLS is spoken end to end."""

from __future__ import annotations

import asyncio
import contextlib

from localazure.layout import LOOPBACK
from localazure.listener import Listener

_CHUNK = 64 * 1024


async def tunnel(
    port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: set[asyncio.StreamWriter]
) -> None:
    """Until either side ends. The connection to `port` is among `opened` meanwhile. Raises `OSError` when it is refused."""
    there_reader, there_writer = await asyncio.open_connection(LOOPBACK, port)
    opened.add(there_writer)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_move(reader, there_writer))
            both.create_task(_move(there_reader, writer))
    finally:
        opened.discard(there_writer)
        there_writer.close()


class Forwarder:
    """127.0.0.1:`port` before 127.0.0.1:`target`: a listener that can be closed where the server itself cannot."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._listener = Listener(port, self._listen, lambda: [writer.transport.abort for writer in self._open])

    async def start(self) -> None:
        """Listen. Idempotent. Raises `OSError` when the port is taken."""
        await self._listener.start()

    async def stop(self) -> None:
        """Refuse connections from now on and cut the open ones, at once. Idempotent."""
        await self._listener.stop()

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await tunnel(self._target, reader, writer, self._open)
        except OSError:
            pass  # the server is not there: the client sees a connection that ends at once
        finally:
            self._open.discard(writer)
            writer.close()


async def _move(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends; then the sink learns of it. Errors end this direction only: the other ends by them too."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()
