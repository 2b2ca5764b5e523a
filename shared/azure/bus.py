"""Service Bus, sending side: one sender per topic or queue, opened once and kept.

Opening a sender takes 0.5 to 1 s, so `open` does it in the background while the app already serves. The SDK's senders
are not for several coroutines at once: one lock each. After a failure the sender is thrown away and the next call opens
another; what was being sent may have arrived, so consumers drop repeated message ids.

Raises `Transient("serviceBus")` when it could not be sent, `Refused("serviceBus", code)` for a message larger than the
namespace takes, an unknown topic or queue, or missing rights.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from shared.azure.credentials import CredentialFactory
from shared.kernel.errors import Refused, RuntimeCloudError, Transient

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

log = logging.getLogger(__name__)
SEND_SECONDS = 20.0
_RETRIES = 1

Kind = Literal["topic", "queue"]


@dataclass(frozen=True)
class Message:
    body: bytes
    message_id: str
    subject: str | None = None
    application_properties: Mapping[str, str | int | bool] = field(default_factory=dict)
    content_type: str = "application/json"
    correlation_id: str | None = None
    time_to_live: timedelta | None = None


@dataclass
class _Line:
    """One entity: its lock, and its sender while there is one."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sender: ServiceBusSender | None = None


class Bus:
    """`connection`: a connection string, or a namespace's host name together with a credential."""

    def __init__(self, connection: str, credential: CredentialFactory | None = None) -> None:
        self._connection = connection
        self._credential = credential
        self._client: ServiceBusClient | None = None
        self._lines: dict[tuple[Kind, str], _Line] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def open(self, *, topics: Sequence[str] = (), queues: Sequence[str] = ()) -> None:
        """Begin to open senders; returns at once. One that cannot be opened now is opened by the first send."""
        wanted: list[tuple[Kind, str]] = [("topic", name) for name in topics]
        wanted += [("queue", name) for name in queues]
        for kind, name in wanted:
            task = asyncio.get_running_loop().create_task(self._open(kind, name))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Send to a topic, in order, in as few batches as they fit into."""
        await self._deliver("topic", topic, messages)

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        await self._deliver("queue", queue, messages)

    async def close(self) -> None:
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for line in self._lines.values():
            await _dropped(line)
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self, kind: Kind, name: str) -> None:
        try:
            async with self._held(kind, name):
                pass
        except RuntimeCloudError as problem:
            log.warning("the sender of %s %s is not open yet: %s", kind, name, problem)

    async def _deliver(self, kind: Kind, name: str, messages: Sequence[Message]) -> None:
        if not messages:
            return
        async with self._held(kind, name) as sender:
            batch = await sender.create_message_batch()
            for message in messages:
                if not _added(batch, message):
                    await sender.send_messages(batch)
                    batch = await sender.create_message_batch()
                    batch.add_message(_wire(message))
            await sender.send_messages(batch)

    @contextlib.asynccontextmanager
    async def _held(self, kind: Kind, name: str) -> AsyncIterator[ServiceBusSender]:
        """The sender, for this coroutine alone. Any failure costs the sender, for its connection may be broken."""
        line = self._lines.setdefault((kind, name), _Line())
        async with line.lock:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    if line.sender is None:
                        line.sender = await self._sender(kind, name)
                    yield line.sender
            except BaseException as raised:
                # Below the SDK anything may come out of a connection that broke (its own AMQP errors, OSError,
                # AttributeError of a half-closed link): none of it says anything about the message. A cancelled send
                # leaves a link in mid-transfer.
                await _dropped(line)
                if isinstance(raised, Exception):
                    raise _translated(raised) from raised
                raise

    async def _sender(self, kind: Kind, name: str) -> ServiceBusSender:
        client = self._connected()
        sender = client.get_topic_sender(name) if kind == "topic" else client.get_queue_sender(name)
        await sender.__aenter__()
        return sender

    def _connected(self) -> ServiceBusClient:
        if self._client is None:
            from azure.servicebus.aio import ServiceBusClient

            options: dict[str, Any] = {"retry_total": _RETRIES, "retry_backoff_factor": 0.2}
            if "Endpoint=" in self._connection:
                self._client = ServiceBusClient.from_connection_string(self._connection, **options)
            elif self._credential is not None:
                self._client = ServiceBusClient(self._connection, self._credential(), **options)
            else:
                raise Refused("serviceBus", "NoCredential", "a namespace needs a credential")
        return self._client


async def _dropped(line: _Line) -> None:
    sender, line.sender = line.sender, None
    if sender is not None:
        with contextlib.suppress(Exception):  # closing what is broken may fail in any way; it is gone either way
            await asyncio.wait_for(sender.close(), 2)


def _added(batch: Any, message: Message) -> bool:
    """Whether it still fitted. Raises what the SDK raises for a message that no batch could hold."""
    from azure.servicebus.exceptions import MessageSizeExceededError

    try:
        batch.add_message(_wire(message))
    except MessageSizeExceededError:
        if len(batch) == 0:
            raise
        return False
    return True


def _wire(message: Message) -> ServiceBusMessage:
    from azure.servicebus import ServiceBusMessage

    properties: dict[str | bytes, Any] = {name: value for name, value in message.application_properties.items()}
    return ServiceBusMessage(
        message.body,
        message_id=message.message_id,
        subject=message.subject,
        application_properties=properties,
        content_type=message.content_type,
        correlation_id=message.correlation_id,
        time_to_live=message.time_to_live,
    )


def _translated(raised: Exception) -> RuntimeCloudError:
    from azure.servicebus import exceptions

    if isinstance(raised, RuntimeCloudError):
        return raised
    final = (
        exceptions.MessageSizeExceededError,
        exceptions.MessagingEntityNotFoundError,
        exceptions.MessagingEntityDisabledError,
        exceptions.ServiceBusAuthorizationError,
    )
    if isinstance(raised, final):
        return Refused("serviceBus", type(raised).__name__.removesuffix("Error"), str(raised)[:500])
    return Transient("serviceBus")
