"""One question and its answer on one connection that was opened for it; then nothing more is read.

Whatever is spoken is a `Talk`: bytes in, bytes out, without a socket.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast


class BadAnswer(Exception):
    """The message is a code: `bad-response`, `too-large`, `disconnected`."""


class Talk(Protocol):
    @property
    def done(self) -> bool:
        """Whether the answer is here."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; what is to be sent now. Raises `BadAnswer`."""

    def end(self) -> None:
        """The peer closed. Raises `BadAnswer` when it owed us more."""


class Exchange(asyncio.Protocol):
    """Sends `opening`, then talks until the talk is done."""

    def __init__(self, opening: bytes, talk: Talk) -> None:
        self._opening = opening
        self._talk = talk
        self._transport: asyncio.Transport | None = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        if self.finished.done():
            return
        try:
            reply = self._talk.feed(data)
        except BadAnswer as error:
            self._finish(error)
            return
        if self._talk.done:
            self._finish(None)
        elif reply and self._transport is not None:
            self._transport.write(reply)

    def eof_received(self) -> None:
        if self.finished.done():
            return
        try:
            self._talk.end()
        except BadAnswer as error:
            self._finish(error)
        else:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._finish(exc or BadAnswer("disconnected"))

    def abort(self) -> None:
        """Drop the connection at once: a target that reads or closes slowly costs nothing."""
        if self._transport is not None:
            self._transport.abort()
        if self.finished.done() and not self.finished.cancelled():
            self.finished.exception()  # looked at, also where the time budget ended first

    def _finish(self, error: Exception | None) -> None:
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)
