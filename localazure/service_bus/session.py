"""An AMQP session: its links, the deliveries nobody has settled yet, flow control in both directions.

The peer's window is honoured: what does not fit waits in order. Frames for links or sessions that are gone are ignored:
clients send late detaches and flows. What the links do for the broker's entities is with those who use a session
(`attaching`, `receiving`, `settlement`); a session knows its connection only as a `Peer`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from localazure.service_bus.encoding import uint
from localazure.service_bus.faults import SLOW_SECONDS, Oversight
from localazure.service_bus.links import CREDIT, Outgoing, Producer, Reader, Replies
from localazure.service_bus.namespace import Namespace
from localazure.service_bus.performatives import WINDOW, Begin, Code, Detach, Flow, error

_FRAME_ROOM = 128  # bytes of a frame kept free for its header and the transfer performative
DETACH_FORCED = "amqp:link:detach-forced"


class Peer(Protocol):
    """What a session asks of its connection. `max_frame` is in bytes."""

    max_frame: int

    def send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"") -> None: ...


class Session:
    """`namespace` and `oversight` are the broker's."""

    def __init__(self, peer: Peer, channel: int, begin: Begin, namespace: Namespace, oversight: Oversight) -> None:
        self.namespace, self.oversight = namespace, oversight
        self.unsettled: dict[int, tuple[Reader, uuid.UUID]] = {}
        self.links: dict[int, Producer | Reader | Replies] = {}  # by the peer's handle, which we use as ours too
        self._peer, self._channel = peer, channel
        self._next_incoming, self._next_outgoing, self._window = begin.next_outgoing_id, 0, begin.incoming_window
        self._waiting: deque[tuple[list[Any], bytes]] = deque()

    def send(self, code: Code, fields: list[Any], payload: bytes = b"") -> None:
        self._peer.send(self._channel, code, fields, payload)

    def struck(self, mode: str) -> bool:
        """Whether the request at hand meets a fault of this mode."""
        return self.oversight.strikes(mode)

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

    def detach(self, detach: Detach) -> None:
        """End a link that the peer ends."""
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

    def flow(self, flow: Flow) -> None:
        """Take the peer's windows and the credit it gives a link."""
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

    def transfer_arrived(self) -> None:
        self._next_incoming = self._next_incoming + 1 & 0xFFFFFFFF

    def renew_credit(self, link: Producer) -> None:
        """Let a producer go on before it has run dry."""
        if link.credit < CREDIT // 2:
            link.credit = CREDIT
            self.send_flow(link)

    # ------------------------------------------------------------------ out

    def send_message(self, link: Outgoing, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send in as many transfers as it takes; answers the delivery id."""
        delivery, first = self._next_outgoing, True
        room = self._peer.max_frame - _FRAME_ROOM
        while first or payload:
            part, payload = payload[:room], payload[room:]
            opening = [uint(delivery), tag, uint(0)] if first else [None, None, None]
            self._send_transfer([uint(link.handle), *opening, settled, bool(payload)], part)
            first = False
        return delivery

    def delivered(self, reader: Reader, delivery: int, token: uuid.UUID) -> None:
        if not reader.deletes:
            self.unsettled[delivery] = (reader, token)
        self.oversight.traffic("RECEIVE", reader.queue.name, 200)

    def _send_transfer(self, fields: list[Any], part: bytes) -> None:
        self._next_outgoing = self._next_outgoing + 1 & 0xFFFFFFFF
        if self._window > 0 and not self._waiting:
            self._window -= 1
            self.send(Code.TRANSFER, fields, part)
        else:
            self._waiting.append((fields, part))
