"""A message as the broker keeps it.

What the sender wrote (properties, application properties, body) is immutable and kept in wire form. The broker owns the
header's delivery count and the `x-opt-` annotations and writes them anew with every delivery
(Microsoft, "AMQP 1.0 in Azure Service Bus protocol guide", section Messages).
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localazure.service_bus.decoding import decode, encoded_map, sections
from localazure.service_bus.encoding import Encoded, Symbol, described, encode, int32, timestamp, ubyte, uint

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = 0x70, 0x71, 0x72, 0x73, 0x74
DATA, VALUE = 0x75, 0x77
BATCH_FORMAT = 0x80013700  # message-format of a transfer whose data sections are messages
NEVER = float("inf")
ACTIVE, DEFERRED, SCHEDULED = 0, 1, 2  # x-opt-message-state
_SCHEDULED_TIME = "x-opt-scheduled-enqueue-time"


@dataclass(frozen=True)
class Lock:
    token: uuid.UUID
    until: float  # seconds since 1970


@dataclass(eq=False)
class Message:
    """One copy in one queue. Times are seconds since 1970; `ttl` is milliseconds as in the header."""

    bare: bytes
    annotations: dict[Any, Encoded] = field(default_factory=dict)
    durable: bool = False
    priority: int = 4
    ttl: int | None = None
    sequence: int = 0
    enqueue_sequence: int = 0
    enqueued: float = 0
    expires: float = NEVER
    delivery_count: int = 0
    deferred: bool = False
    due: float | None = None  # while scheduled
    lock: Lock | None = None

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        """A message as a sender wrote it. Raises `ValueError` and the like (`codec`) when it is malformed."""
        message, bare_from = cls(b""), 0
        for section in sections(raw):
            if section.code == HEADER:
                header = (decode(raw, section.value_at)[0] + [None] * 3)[:3]
                message.durable, message.ttl = bool(header[0]), header[2]
                message.priority = 4 if header[1] is None else header[1]
            elif section.code == ANNOTATIONS:
                message.annotations = encoded_map(raw, section.value_at)
            if section.code <= ANNOTATIONS:
                bare_from = section.end
        message.bare = raw[bare_from:]
        return message

    def copy(self) -> Message:
        """The same message for another queue: without what the broker noted on this one."""
        return Message(self.bare, dict(self.annotations), self.durable, self.priority, self.ttl)

    def _section(self, code: int) -> int | None:
        return next((section.value_at for section in sections(self.bare) if section.code == code), None)

    @property
    def message_id(self) -> str | None:
        """As text, whatever AMQP type it was sent in: Service Bus compares ids as strings."""
        properties = self.properties
        return str(properties[0]) if properties and properties[0] is not None else None

    @property
    def properties(self) -> list[Any]:
        """The AMQP properties as far as the sender wrote them; the first is the message id."""
        at = self._section(PROPERTIES)
        return list(decode(self.bare, at)[0]) if at is not None else []

    @property
    def application_properties(self) -> dict[str, Encoded]:
        """In wire form."""
        at = self._section(APPLICATION_PROPERTIES)
        return {} if at is None else encoded_map(self.bare, at)

    @property
    def scheduled_for(self) -> float | None:
        wire = self.annotations.get(_SCHEDULED_TIME)
        return None if wire is None else float(decode(wire)[0]) / 1000

    @property
    def state(self) -> int:
        if self.due is not None:
            return SCHEDULED
        return DEFERRED if self.deferred else ACTIVE

    def with_properties(self, extra: Mapping[str, Any]) -> Message:
        """A message with more application properties; those that are None are left out."""
        merged = {**self.application_properties, **{key: value for key, value in extra.items() if value is not None}}
        fresh, written = described(APPLICATION_PROPERTIES, merged), False
        parts: list[bytes] = []
        for section in sections(self.bare):
            if section.code >= APPLICATION_PROPERTIES and not written:
                parts.append(fresh)
                written = True
            if section.code != APPLICATION_PROPERTIES:
                parts.append(self.bare[section.start : section.end])
        return replace(self, bare=b"".join(parts if written else [*parts, fresh]), annotations=dict(self.annotations))

    def wire(self) -> bytes:
        """The message as a receiver gets it."""
        header = [self.durable, ubyte(self.priority), uint(self.ttl) if self.ttl else None, None, uint(self.delivery_count)]
        annotations: dict[Any, Any] = {
            **self.annotations,
            Symbol("x-opt-sequence-number"): self.sequence,
            Symbol("x-opt-enqueue-sequence-number"): self.enqueue_sequence,
            Symbol("x-opt-enqueued-time"): timestamp(int(self.enqueued * 1000)),
            Symbol("x-opt-message-state"): int32(self.state),
        }
        if self.lock is not None:
            annotations[Symbol("x-opt-locked-until")] = timestamp(int(self.lock.until * 1000))
        return described(HEADER, header) + described(ANNOTATIONS, annotations) + self.bare

    def arrived(self, default_ttl: float | None) -> None:
        """Note the time, and when its time to live (the shorter of its own and the entity's, in seconds) ends."""
        self.enqueued, self.due = time.time(), None
        limits = [limit for limit in (self.ttl and self.ttl / 1000, default_ttl) if limit]
        self.expires = self.enqueued + min(limits) if limits else NEVER

    def annotate_source(self, queue: str) -> None:
        """Note the queue it died in; a schedule it came with is over."""
        self.annotations[Symbol("x-opt-deadletter-source")] = Encoded(encode(queue))
        self.annotations.pop(_SCHEDULED_TIME, None)

    def document(self) -> dict[str, Any]:
        """What the journal keeps; `restored` reads it. The lock is kept apart, since it changes with every delivery."""
        return {
            "bare": base64.b85encode(self.bare).decode(),
            "annotations": base64.b85encode(encode(self.annotations)).decode(),
            "header": [self.durable, self.priority, self.ttl],
            "sequence": [self.sequence, self.enqueue_sequence],
            "enqueued": self.enqueued,
            "expires": None if self.expires == NEVER else self.expires,
            "deliveryCount": self.delivery_count,
            "deferred": self.deferred,
            "due": self.due,
        }

    @classmethod
    def restored(cls, document: Mapping[str, Any]) -> Message:
        return cls(
            base64.b85decode(document["bare"]),
            encoded_map(base64.b85decode(document["annotations"]), 0),
            durable=document["header"][0],
            priority=document["header"][1],
            ttl=document["header"][2],
            sequence=document["sequence"][0],
            enqueue_sequence=document["sequence"][1],
            enqueued=document["enqueued"],
            expires=NEVER if document["expires"] is None else document["expires"],
            delivery_count=document["deliveryCount"],
            deferred=document["deferred"],
            due=document["due"],
        )


def unbatched(raw: bytes, message_format: int | None) -> list[Message]:
    """The messages of one transfer: one, or those of a batch."""
    if message_format != BATCH_FORMAT:
        return [Message.parse(raw)]
    return [Message.parse(decode(raw, part.value_at)[0]) for part in sections(raw) if part.code == DATA]
