"""A message on its way into the platform: read, worked on, and what becomes of it when either fails.

Invariants
- What cannot be read goes to the error queue with its reason, once, and is done with: trying again helps nobody. Where the
  error queue cannot be reached the message comes again, so that it is not lost.
- What is away is waited for before the message goes back: a broker delivers again at once, and all its tries would be over
  before anything is there again. With `channels.DELIVERIES` tries that is two minutes.
- A message whose last try failed is the broker's to dead-letter; it is counted here, for whoever is to be told.

Reasons name fields and kinds of mistakes, never a value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import ValidationError

from shared.kernel import channels, metrics
from shared.kernel.errors import Transient
from shared.kernel.telemetry import SpanKind, span
from shared.kernel.trace import continued

T = TypeVar("T")
NAMED = 5  # mistakes in a reason
SHORTEST, LONGEST = 0.25, 30.0  # seconds


@dataclass(frozen=True)
class Received:
    """`delivery`: which try this is, from 1; `traceparent`: the sender's span, where it says one."""

    source: str
    message_id: str
    body: bytes
    delivery: int = 1
    traceparent: str | None = None


class ErrorQueue(Protocol):
    async def set_aside(self, message: Received, reason: str) -> None:
        """Keep the message as it was, with the reason. Raises `Transient`."""


@dataclass(frozen=True)
class Receiving:
    errors: ErrorQueue
    sleep: Callable[[float], Awaitable[None]]

    async def take(self, message: Received, read: Callable[[bytes], T], work: Callable[[T], Awaitable[None]]) -> None:
        """Do what the message is for. Raises what `work` raises, `Transient`: the message is to come again."""
        name, parent = f"process {message.source}", continued(message.traceparent)
        with span(name, SpanKind.CONSUMER, parent, **messaging(message.source, "process")) as opened:
            opened.set(messaging__message__id=message.message_id)
            await self._take(message, read, work)

    async def _take(self, message: Received, read: Callable[[bytes], T], work: Callable[[T], Awaitable[None]]) -> None:
        try:
            what = read(message.body)
        except ValidationError as unreadable:
            await self.errors.set_aside(message, reason_of(unreadable))
            metrics.count("messages.malformed", raised=True, source=message.source)
            return
        try:
            await work(what)
        except Exception as error:  # whatever it is: counted, and raised again for the broker
            self._count(message, error)
            if isinstance(error, Transient):
                await self.sleep(min(LONGEST, SHORTEST * 2**message.delivery))
            raise

    def _count(self, message: Received, error: Exception) -> None:
        last = message.delivery >= channels.DELIVERIES
        name = "messages.dead-lettered" if last else "messages.failed"
        about, kind = f"message {message.message_id}", type(error).__name__
        metrics.count(name, raised=last, about=about, source=message.source, error=kind)


def messaging(destination: str, operation: str) -> dict[str, str]:
    """The attributes of a span that sends or processes (OpenTelemetry's semantic conventions for messaging)."""
    return {
        "messaging__system": "servicebus",
        "messaging__destination__name": destination,
        "messaging__operation__type": operation,
    }


def reason_of(unreadable: ValidationError) -> str:
    """Which fields are wrong, and how."""
    found = unreadable.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['type']}" for each in found[:NAMED]]
    return ", ".join(told)
