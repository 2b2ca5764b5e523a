"""One question and its answer on one connection that was opened for it; then nothing more is read.

Whatever is spoken is a `Talk`: bytes in, bytes out, without a socket; TLS is one, too (see `secured`). A probe's connection
lives for one round trip, of which the set-up of asyncio's transport and protocol is half the work: so it is a plain socket
that the event loop watches, which is connected to an address and therefore to nothing that a name became meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from shared.runtime.health.addresses import Address

READ = 64 * 1024  # bytes at once
_UNDER_WAY = (0, errno.EINPROGRESS)


class BadAnswer(Exception):
    """The message is a code: `bad-response`, `too-large`, `disconnected`."""


class Talk(Protocol):
    @property
    def done(self) -> bool:
        """Whether the answer is here."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; what is to be sent now. Raises `BadAnswer`, `OSError`."""

    def end(self) -> None:
        """The peer closed. Raises `BadAnswer` when it owed us more."""


class Exchange:
    """Connects, sends `opening`, then talks until the talk is done. Whoever begins one ends it.

    `finished` raises what the talk raises, and `OSError` of the connection; `reached` says whether there was one.
    """

    def __init__(self, address: Address, port: int, opening: bytes, talk: Talk) -> None:
        self._loop = asyncio.get_running_loop()
        self._unsent = opening
        self._talk = talk
        self._socket: socket.socket | None = None
        self._writing = False
        self.reached = False
        self.finished: asyncio.Future[None] = self._loop.create_future()
        try:
            self._connect(address, port)
        except OSError as error:  # no such protocol here, no more open files
            self._finish(error)

    def end(self) -> None:
        """Drop the connection at once: a target that reads or closes slowly costs nothing."""
        if self._socket is not None:
            if self._writing:
                self._loop.remove_writer(self._fd)
            if self.reached:
                self._loop.remove_reader(self._fd)
            self._socket.close()

    def _connect(self, address: Address, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        self._socket.setblocking(False)
        code = self._socket.connect_ex((str(address), port))
        if code not in _UNDER_WAY:
            raise OSError(code, os.strerror(code))
        self._fd = self._socket.fileno()
        self._write(self._connected, self._socket)

    def _write(self, when_ready: Callable[[socket.socket], None], connection: socket.socket) -> None:
        self._loop.add_writer(self._fd, when_ready, connection)
        self._writing = True

    def _connected(self, connection: socket.socket) -> None:
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._finish(OSError(code, os.strerror(code)))
            return
        self.reached = True
        self._loop.add_reader(self._fd, self._readable, connection)
        self._send(connection)

    def _send(self, connection: socket.socket) -> None:
        try:
            sent = connection.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._finish(error)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._write(self._send, connection)
        elif self._writing:
            self._loop.remove_writer(self._fd)
            self._writing = False

    def _readable(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(READ)
            if data:
                self._unsent += self._talk.feed(data)
            else:
                self._talk.end()
        except (BlockingIOError, InterruptedError):
            return
        except (BadAnswer, OSError) as error:
            self._finish(error)
            return
        if not data or self._talk.done:
            self._finish(None)
        elif self._unsent:
            self._send(connection)

    def _finish(self, error: Exception | None) -> None:
        if self.finished.done():
            return
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)
