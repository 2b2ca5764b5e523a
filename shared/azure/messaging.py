"""The platform's messages on Service Bus: events to the topic, work to the queue."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from shared.azure.bus import Bus, Message
from shared.events.envelope import Event
from shared.events.outbox import body
from shared.events.receiving import Received, messaging
from shared.events.work import Work
from shared.kernel import channels
from shared.kernel.telemetry import Span, SpanKind, continuing, span


@dataclass(frozen=True)
class Messaging:
    bus: Bus

    def open(self) -> None:
        """Open both senders in the background: the first send would otherwise wait for a second."""
        self.bus.open(topics=[channels.EVENTS], queues=[channels.WORK])

    async def publish(self, events: Sequence[Event]) -> None:
        """Each event is a span of the trace that caused it; they leave together."""
        with contextlib.ExitStack() as spans:
            sent = [_of_event(event, spans.enter_context(_sending(event)).traceparent) for event in events]
            await self.bus.publish(channels.EVENTS, sent)

    async def send(self, work: Work, *, message_id: str, lifetime: timedelta | None = None) -> None:
        """`lifetime`: after which nobody should do it any more."""
        content = json.dumps(work.document(), separators=(",", ":")).encode()
        with span(f"send {channels.WORK}", SpanKind.PRODUCER, **messaging(channels.WORK, "send")) as opened:
            trace = {"traceparent": opened.traceparent}
            sent = Message(content, message_id, work.kind, trace, time_to_live=lifetime)
            await self.bus.send(channels.WORK, [sent])

    async def set_aside(self, message: Received, reason: str) -> None:
        """Keep what nobody can read, as it was, on the error queue."""
        why = {"cs-source": message.source, "cs-reason": reason}
        kept = Message(message.body, message.message_id, subject="Malformed", application_properties=why)
        await self.bus.send(channels.ERRORS, [kept])


def _sending(event: Event) -> AbstractContextManager[Span]:
    parent = continuing(event.trace_id)
    attributes = messaging(channels.EVENTS, "send")
    attributes |= {"messaging__message__id": event.event_id, "event__type": event.event_type}
    return span(f"send {channels.EVENTS}", SpanKind.PRODUCER, parent, **attributes)


def _of_event(event: Event, traceparent: str) -> Message:
    return Message(
        body(event),
        event.event_id,
        subject=event.event_type,
        application_properties=event.properties(traceparent),
        correlation_id=event.correlation_id,
    )
