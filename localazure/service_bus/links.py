"""The ends of links, by what they are for.

A peer's sender is a `Producer` here (to an entity, `$cbs` or `…/$management`); a peer's receiver is a `Reader` of a queue
or a `Replies` to requests. Credit is the peer's permission: nothing is sent without it. A link knows the session it is on
only as a `Carrier`.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from localazure.service_bus.message import Message
from localazure.service_bus.namespace import Node
from localazure.service_bus.queue import Queue

CREDIT = 1000  # transfers a producer may send before we renew it


@dataclass
class Delivery:
    """A message on its way in, in as many transfers as it takes."""

    id: int
    message_format: int | None
    settled: bool
    payload: bytearray = field(default_factory=bytearray)


@dataclass(eq=False)
class Producer:
    """`node` is the entity, `None` for `$cbs`; `management` says that these are requests about the entity."""

    path: str
    handle: int
    node: Node | None
    management: bool
    delivery_count: int
    credit: int = CREDIT
    partial: Delivery | None = None


class Carrier(Protocol):
    """What a link asks of its session."""

    def send_message(self, link: Outgoing, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send a message; answers the delivery id."""

    def delivered(self, reader: Reader, delivery: int, token: uuid.UUID) -> None:
        """Hear that a reader was sent the message that the lock `token` is on."""


class Outgoing:
    """A link on which we send."""

    def __init__(self, carrier: Carrier, handle: int) -> None:
        self.carrier, self.handle = carrier, handle
        self.credit = self.delivery_count = 0

    def _sent(self) -> None:
        self.credit -= 1
        self.delivery_count += 1


class Replies(Outgoing):
    """Where answers of `$cbs` or an entity's `$management` go. `target` is the address that requests name as reply-to."""

    def __init__(self, carrier: Carrier, handle: int, path: str, target: str) -> None:
        super().__init__(carrier, handle)
        self.path, self.target = path, target

    def reply(self, payload: bytes) -> None:
        self._sent()
        self.carrier.send_message(self, struct.pack(">I", self.delivery_count), payload, settled=True)


class Reader(Outgoing):
    """A consumer of a queue. The delivery tag is the lock token in little-endian order, which is how clients read it."""

    def __init__(self, carrier: Carrier, handle: int, queue: Queue, deletes: bool) -> None:
        super().__init__(carrier, handle)
        self.queue, self.deletes = queue, deletes

    def deliver(self, message: Message) -> None:
        self._sent()
        token = message.lock.token if message.lock is not None else uuid.uuid4()
        delivery = self.carrier.send_message(self, token.bytes_le, message.wire(), settled=self.deletes)
        self.carrier.delivered(self, delivery, token)
