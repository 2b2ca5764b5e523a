"""One client's connection: SASL, open, heartbeats, sessions by channel.

Outgoing frames are gathered and written once per turn of the event loop. A peer that breaks the protocol gets a close with
`amqp:internal-error` and the connection ends; nothing it sent before is lost.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from localazure.service_bus.dispatch import dispatch
from localazure.service_bus.encoding import Encoded, Symbol, array, described, encode, ubyte, uint, ushort
from localazure.service_bus.faults import Oversight
from localazure.service_bus.namespace import Namespace
from localazure.service_bus.performatives import (
    AMQP_FRAME,
    INTERNAL_ERROR,
    MAX_FRAME,
    SASL_FRAME,
    SASL_INIT,
    SASL_MECHANISMS,
    SASL_OUTCOME,
    SASL_PROTOCOL,
    WINDOW,
    Begin,
    Code,
    Frame,
    FrameReader,
    Open,
    ProtocolHeader,
    error,
    frame,
    read,
)
from localazure.service_bus.session import Session

_log = logging.getLogger(__name__)
_MIN_MAX_FRAME = 512  # AMQP 1.0 part 2, 4.1
_MECHANISMS = [Encoded(encode(Symbol(name))) for name in ("MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL")]
_HANDLES = 4095


class Connection(asyncio.Protocol):
    """`namespace` and `oversight` are the broker's; in `alive` the connection is for as long as its socket is open."""

    def __init__(self, namespace: Namespace, oversight: Oversight, alive: set[Connection]) -> None:
        self.max_frame = _MIN_MAX_FRAME
        self._namespace, self._oversight, self._alive = namespace, oversight, alive
        self._reader, self._out = FrameReader(), list[bytes]()
        self._sessions: dict[int, Session] = {}
        self._heartbeat: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._alive.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._alive.discard(self)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for session in self._sessions.values():
            session.close()

    def abort(self) -> None:
        """End at once; what is not written yet is dropped."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ out

    def send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"", kind: int = AMQP_FRAME) -> None:
        self._write(frame(channel, described(code, fields), payload, kind))

    def _write(self, raw: bytes) -> None:
        if self._transport is None:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(raw)

    def _flush(self) -> None:
        gathered, self._out = self._out, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(gathered))

    def _close(self, *reason: Encoded) -> None:
        self.send(0, Code.CLOSE, list(reason))
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # ------------------------------------------------------------------ in

    def data_received(self, data: bytes) -> None:
        try:
            for part in self._reader.feed(data):
                if isinstance(part, ProtocolHeader):
                    self._greet(part.raw)
                else:
                    self._handle(part)
        except Exception as broken:  # whatever a peer's bytes lead to ends this connection, never the broker
            _log.exception("connection ended")
            self._close(error(INTERNAL_ERROR, repr(broken)))

    def _greet(self, raw: bytes) -> None:
        self._write(raw)
        if raw[4] == SASL_PROTOCOL:
            self.send(0, SASL_MECHANISMS, [array(_MECHANISMS)], kind=SASL_FRAME)

    def _handle(self, received: Frame) -> None:
        if received.kind == SASL_FRAME:
            if received.code == SASL_INIT:
                self.send(0, SASL_OUTCOME, [ubyte(0)], kind=SASL_FRAME)
        elif received.code == Code.OPEN:
            self._open(read(Open, received.fields))
        elif received.code == Code.CLOSE:
            self._close()
        elif received.code == Code.BEGIN:
            self._begin(received.channel, read(Begin, received.fields))
        elif received.code == Code.END:
            self._end(received.channel)
        elif session := self._sessions.get(received.channel):
            dispatch(session, received)

    def _open(self, opened: Open) -> None:
        self.max_frame = max(_MIN_MAX_FRAME, min(opened.max_frame_size or MAX_FRAME, MAX_FRAME))
        self.send(0, Code.OPEN, ["localazure", None, uint(MAX_FRAME), ushort(0xFFFF)])
        if opened.idle_time_out:
            self._beat(opened.idle_time_out / 2500)  # well before the peer loses patience

    def _beat(self, seconds: float) -> None:
        self._write(frame(0, b""))
        self._heartbeat = asyncio.get_running_loop().call_later(seconds, self._beat, seconds)

    def _begin(self, channel: int, begin: Begin) -> None:
        self._sessions[channel] = Session(self, channel, begin, self._namespace, self._oversight)
        self.send(channel, Code.BEGIN, [ushort(channel), uint(0), uint(WINDOW), uint(WINDOW), uint(_HANDLES)])

    def _end(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session is not None:
            session.close()
            self.send(channel, Code.END, [])
