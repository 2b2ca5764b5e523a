"""A talk inside TLS, as a talk: what arrives is opened, what is said is sealed, and no socket is involved.

The name is checked by the context while hands are shaken; until that is done nothing of the inner talk is said.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

from shared.runtime.health.exchange import READ, BadAnswer, Talk


class Secured:
    """A `Talk` of `opening` and `talk` with whoever has a certificate for `name`. `feed` raises `ssl.SSLError`, too."""

    def __init__(self, context: ssl.SSLContext, name: str, opening: bytes, talk: Talk) -> None:
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=name)
        self._unsaid = opening
        self._talk = talk
        self._shaken = False
        self.opening = self.feed(b"")

    @property
    def done(self) -> bool:
        return self._talk.done

    def feed(self, data: bytes) -> bytes:
        self._arrived.write(data)
        with suppress(ssl.SSLWantReadError):  # more has to arrive
            self._go_on()
        return self._leaving.read()

    def end(self) -> None:
        if not self._shaken:
            raise BadAnswer("disconnected")
        if not self.done:
            self._talk.end()

    def _go_on(self) -> None:
        """As far as what arrived allows. Raises `ssl.SSLWantReadError` where that is not the end of the talk."""
        if not self._shaken:
            self._tls.do_handshake()
            self._shaken = True
            self._tls.write(self._unsaid)
        while not self.done:
            opened = self._tls.read(READ)
            if not opened:  # the peer said that it closes
                self._talk.end()
                return
            if reply := self._talk.feed(opened):
                self._tls.write(reply)
