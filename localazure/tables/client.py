"""One client's connection: requests one after the other, each forwarded, or answered here when a fault strikes it.

A request that is to be answered here is first read to its end, so that the connection can go on. A lost acknowledgement is
counted with the status that nobody saw, as soon as Azurite's answer is whole; then the connection is cut. Any other request
that got no answer counts as 499. What a client sends ahead of an answer waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from localazure.control.faults import Fault, Mode, stall
from localazure.tables.errors import error, throttled
from localazure.tables.framing import (
    End,
    Framing,
    Head,
    Malformed,
    Piece,
    is_interim,
    request_length,
    response_length,
    status,
)
from localazure.tables.request import Request
from localazure.tables.upstream import Upstream

_NO_ANSWER = 499  # the client or Azurite went away before


@dataclass(frozen=True)
class Route:
    """What the connections of one proxy share."""

    azurite: int
    strike: Callable[[], Fault | None]
    count: Callable[[str, str, int], None]
    clients: set[Client]


class Client(asyncio.Protocol):
    def __init__(self, route: Route) -> None:
        self._route = route
        self._requests, self._answers = Framing(request_length), Framing(self._answer_length)
        self._ahead: deque[Piece] = deque()
        self._request: Request | None = None
        self._stalled: asyncio.Task[None] | None = None
        self._azurite_full = False
        self._upstream = Upstream(route.azurite, self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._route.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._route.clients.discard(self)
        if self._request is not None:
            self._finish(self._request, _NO_ANSWER)
        self._upstream.abort()
        if self._stalled is not None:
            self._stalled.cancel()

    def abort(self) -> None:
        """End at once; what is under way at Azurite runs to its end unseen."""
        self._transport.abort()

    # ------------------------------------------------------------------ requests

    def data_received(self, data: bytes) -> None:
        try:
            self._ahead.extend(self._requests.feed(data))
        except Malformed:
            self.abort()
            return
        self._go_on()

    def _go_on(self) -> None:
        while self._ahead and not self._waits(self._ahead[0]):
            self._take(self._ahead.popleft())
        self._read_on()

    def _waits(self, piece: Piece) -> bool:
        busy = isinstance(piece, Head) and self._request is not None
        return busy or self._stalled is not None or self._transport.is_closing()

    def _take(self, piece: Piece) -> None:
        if isinstance(piece, Head):
            self._begin(piece)
        elif self._request is None:
            raise RuntimeError("a body without a request")
        elif isinstance(piece, End):
            self._request.whole = True
            self._end_if_over()
        elif self._request.own is None:
            self._upstream.write(piece)

    def _begin(self, head: Head) -> None:
        fault = self._route.strike()
        mode = None if fault is None else fault.mode
        request = self._request = Request(head, lost=mode is Mode.ACK_LOST)
        if mode is Mode.ERROR:
            request.own = 500, error(500)
        elif mode is Mode.THROTTLE:
            request.own = 503, throttled()
        elif fault is not None and mode is Mode.SLOW:
            self._stalled = asyncio.get_running_loop().create_task(self._stall(fault, head))
        else:
            self._forward(head)

    async def _stall(self, fault: Fault, head: Head) -> None:
        await stall(fault)
        self._stalled = None
        self._forward(head)
        self._go_on()

    def _forward(self, head: Head) -> None:
        if self._upstream.stale:
            self._upstream.abort()
            self._upstream = Upstream(self._route.azurite, self)
        self._upstream.write(head.raw)

    # ------------------------------------------------------------------ answers

    def _answer_length(self, head: Head) -> int | None:
        if self._request is None:
            raise Malformed("an answer that nobody asked for")
        return response_length(head, self._request.method)

    def answered(self, data: bytes) -> None:
        """What Azurite says."""
        try:
            pieces = list(self._answers.feed(data))
        except Malformed:
            self.abort()
            return
        if self._request is not None and not self._request.lost:
            self._transport.write(data)
        for piece in pieces:
            self._note(piece)

    def _note(self, piece: Piece) -> None:
        request = self._request
        if request is None:
            return
        if isinstance(piece, Head):
            request.answer = piece
        elif isinstance(piece, End) and request.answer is not None and not is_interim(request.answer):
            self._answer_over(request)

    def _answer_over(self, request: Request) -> None:
        request.answered = True
        self._upstream.rest()
        self._end_if_over()

    def _end_if_over(self) -> None:
        request = self._request
        if request is None:
            return
        if request.own is not None and request.whole:
            self._transport.write(request.own[1])
            self._finish(request, request.own[0])
        elif request.answered and request.answer is not None and (request.whole or request.lost):
            self._finish(request, status(request.answer))

    def _finish(self, request: Request, code: int) -> None:
        self._route.count(request.method, request.operation, code)
        self._request = None
        if request.lost and request.own is None:
            self.abort()
        elif not request.keeps:
            self._transport.close()
        elif self._ahead:
            asyncio.get_running_loop().call_soon(self._go_on)

    def unreachable(self) -> None:
        """Azurite is not there (yet)."""
        if self._request is not None:
            self._request.own = 503, throttled()
            self._end_if_over()

    def cut(self) -> None:
        """Azurite ended the connection: after an answer that ends with it, between requests, or in the middle of one."""
        request = self._request
        if request is None:
            return
        if request.answer is not None and self._answers.ends_with_connection:
            self._answer_over(request)
            self._transport.close()  # which is how the client, too, is told that the answer is over
        elif not request.answered:
            self.abort()

    # ------------------------------------------------------------------ flow

    def hold(self, full: bool) -> None:
        """Azurite does not keep up, or does again."""
        self._azurite_full = full
        self._read_on()

    def _read_on(self) -> None:
        if self._transport.is_closing():
            return
        if self._azurite_full or self._ahead:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._upstream.hold(True)

    def resume_writing(self) -> None:
        self._upstream.hold(False)
