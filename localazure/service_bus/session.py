"""An AMQP session: links, transfers in both directions, flow control.

The peer's window is honoured: what does not fit waits in order. A message is answered (disposition) after the journal has
it. Frames for links or sessions that are gone are ignored: clients send late detaches and flows.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localazure.service_bus.attaching import attach
from localazure.service_bus.encoding import uint
from localazure.service_bus.faults import SLOW_SECONDS, strikes
from localazure.service_bus.links import CREDIT, Delivery, Outgoing, Producer, Reader, Replies
from localazure.service_bus.performatives import (
    MAX_MESSAGE,
    WINDOW,
    Attach,
    Begin,
    Code,
    Detach,
    Disposition,
    Flow,
    Transfer,
    error,
    read,
)
from localazure.service_bus.receiving import received
from localazure.service_bus.settlement import settle

if TYPE_CHECKING:
    from localazure.service_bus.connection import Connection

_log = logging.getLogger(__name__)
_FRAME_ROOM = 128  # bytes of a frame kept free for its header and the transfer performative
INTERNAL_ERROR = "amqp:internal-error"
DETACH_FORCED = "amqp:link:detach-forced"


class Session:
    def __init__(self, connection: Connection, channel: int, begin: Begin) -> None:
        self.broker, self.traffic = connection.broker, connection.broker.traffic
        self.unsettled: dict[int, tuple[Reader, uuid.UUID]] = {}
        self.links: dict[int, Producer | Reader | Replies] = {}  # by the peer's handle, which we use as ours too
        self._connection, self._channel = connection, channel
        self._next_incoming, self._next_outgoing, self._window = begin.next_outgoing_id, 0, begin.incoming_window
        self._waiting: deque[tuple[list[Any], bytes]] = deque()
        self._handlers: dict[int, Callable[[list[Any], bytes], None]] = {
            Code.ATTACH: lambda fields, _: attach(self, read(Attach, fields)),
            Code.FLOW: lambda fields, _: self._flow(read(Flow, fields)),
            Code.TRANSFER: lambda fields, payload: self._transfer(read(Transfer, fields), payload),
            Code.DISPOSITION: lambda fields, _: settle(self, read(Disposition, fields)),
            Code.DETACH: lambda fields, _: self._detach(read(Detach, fields)),
        }

    def handle(self, code: int, fields: list[Any], payload: bytes) -> None:
        handler = self._handlers.get(code)
        if handler is None:
            raise ValueError(f"performative {code:#x} in a session")
        handler(fields, payload)

    def send(self, code: Code, fields: list[Any], payload: bytes = b"") -> None:
        self._connection.send(self._channel, code, fields, payload)

    def struck(self, mode: str) -> bool:
        """Whether the request at hand meets a fault of this mode."""
        return strikes(self.broker.faults(), mode)

    def answer(self, act: Callable[[], None]) -> None:
        """Answer a request: now, or late when the broker is to be slow."""
        if self.struck("slow"):
            asyncio.get_running_loop().call_later(SLOW_SECONDS, act)
        else:
            act()

    def close(self) -> None:
        """The session is gone. What its readers hold stays locked until the locks end, as on Azure."""
        for link in self.links.values():
            self._drop(link)
        self.links.clear()

    @staticmethod
    def _drop(link: Producer | Reader | Replies) -> None:
        if isinstance(link, Reader) and link in link.queue.consumers:
            link.queue.consumers.remove(link)

    def force_detach(self, link: Producer | Reader) -> None:
        """End a link from this side; nothing more is said on it."""
        if self.links.get(link.handle) is not link:
            return
        del self.links[link.handle]
        self._drop(link)
        self.send(Code.DETACH, [uint(link.handle), True, error(DETACH_FORCED, "The link was detached by the service.")])

    def _detach(self, detach: Detach) -> None:
        link = self.links.pop(detach.handle, None)
        if link is not None:
            self._drop(link)
            self.send(Code.DETACH, [uint(detach.handle), True])

    # ------------------------------------------------------------------ flow control

    def send_flow(self, link: Producer | Outgoing | None = None) -> None:
        fields = [uint(self._next_incoming), uint(WINDOW), uint(self._next_outgoing), uint(WINDOW)]
        if link is not None:
            fields += [uint(link.handle), uint(link.delivery_count), uint(max(link.credit, 0))]
        self.send(Code.FLOW, fields)

    def _flow(self, flow: Flow) -> None:
        self._next_incoming = flow.next_outgoing_id
        self._window = (flow.next_incoming_id or 0) + flow.incoming_window - (self._next_outgoing - len(self._waiting))
        while self._waiting and self._window > 0:
            self._window -= 1
            self.send(Code.TRANSFER, *self._waiting.popleft())
        if flow.handle is None:
            if flow.echo:
                self.send_flow()
            return
        link = self.links.get(flow.handle)
        if isinstance(link, Outgoing):
            self._grant(link, flow)

    def _grant(self, link: Outgoing, flow: Flow) -> None:
        link.credit = (flow.delivery_count or 0) + (flow.link_credit or 0) - link.delivery_count
        if isinstance(link, Reader):
            link.queue.pump()
        if flow.drain:
            link.delivery_count += max(link.credit, 0)
            link.credit = 0
        if flow.drain or flow.echo:
            self.send_flow(link)

    # ------------------------------------------------------------------ out

    def send_message(self, link: Outgoing, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send in as many transfers as it takes; answers the delivery id."""
        delivery, first = self._next_outgoing, True
        room = self._connection.max_frame - _FRAME_ROOM
        while first or payload:
            part, payload = payload[:room], payload[room:]
            opening = [uint(delivery), tag, uint(0)] if first else [None, None, None]
            self._send_transfer([uint(link.handle), *opening, settled, bool(payload)], part)
            first = False
        return delivery

    def _send_transfer(self, fields: list[Any], part: bytes) -> None:
        self._next_outgoing = self._next_outgoing + 1 & 0xFFFFFFFF
        if self._window > 0 and not self._waiting:
            self._window -= 1
            self.send(Code.TRANSFER, fields, part)
        else:
            self._waiting.append((fields, part))

    # ------------------------------------------------------------------ in

    def _transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming = self._next_incoming + 1 & 0xFFFFFFFF
        link = self.links.get(transfer.handle)
        if not isinstance(link, Producer):
            return
        if link.partial is None:
            link.partial = Delivery(transfer.delivery_id or 0, transfer.message_format, bool(transfer.settled))
        if len(link.partial.payload) <= MAX_MESSAGE:
            link.partial.payload += payload
        if transfer.more:
            return
        delivery, link.partial = link.partial, None
        link.delivery_count += 1
        link.credit -= 1
        received(self, link, delivery)
        if link.credit < CREDIT // 2:
            link.credit = CREDIT
            self.send_flow(link)
