"""The platform's messages on Service Bus: events to the topic, work to the queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.azure.bus import Bus, Message
from shared.events.envelope import Event
from shared.events.outbox import body
from shared.events.receiving import Received
from shared.events.work import Work
from shared.kernel import channels


@dataclass(frozen=True)
class Messaging:
    bus: Bus

    def open(self) -> None:
        """Open both senders in the background: the first send would otherwise wait for a second."""
        self.bus.open(topics=[channels.EVENTS], queues=[channels.WORK])

    async def publish(self, events: Sequence[Event]) -> None:
        await self.bus.publish(channels.EVENTS, [_of_event(event) for event in events])

    async def send(self, work: Work, *, message_id: str, lifetime: timedelta | None = None) -> None:
        """`lifetime`: after which nobody should do it any more."""
        content = json.dumps(work.document(), separators=(",", ":")).encode()
        await self.bus.send(channels.WORK, [Message(content, message_id, subject=work.kind, time_to_live=lifetime)])

    async def set_aside(self, message: Received, reason: str) -> None:
        """Keep what nobody can read, as it was, on the error queue."""
        why = {"cs-source": message.source, "cs-reason": reason}
        kept = Message(message.body, message.message_id, subject="Malformed", application_properties=why)
        await self.bus.send(channels.ERRORS, [kept])


def _of_event(event: Event) -> Message:
    return Message(
        body(event),
        event.event_id,
        subject=event.event_type,
        application_properties=event.properties(),
        correlation_id=event.correlation_id,
    )
