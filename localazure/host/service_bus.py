"""Service Bus triggers with the real client: peek-lock, one call per message, as the Service Bus extension does it.

A message is completed when its function returns and abandoned when it raises; its lock is renewed meanwhile. A receiver
never gives up: when the broker is down or restarts, it logs once, backs off (to five seconds) and connects again. It asks
for one message at a time and only when a call is free, so that no lock runs out in a buffer of ours. What a crash leaves
locked comes back when the lock expires.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from azure.functions.meta import Datum
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError

from localazure.host.configuration import BadSetting, HostConfiguration
from localazure.host.indexing import Binding, Function
from localazure.host.invocation import Invoker

log = logging.getLogger("localazure.host.service_bus")
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between attempts to connect
_POLL = 30.0  # seconds one receive call waits; it is asked again at once


def check_connection(function: Function) -> None:
    """Raises `BadSetting` naming the function when its `connection` names no setting. Connects to nothing."""
    name = _connection_name(function.trigger)
    if not (os.environ.get(name) or os.environ.get(f"{name}__fullyQualifiedNamespace")):
        raise BadSetting(f"{function.name}: neither {name!r} nor {name + '__fullyQualifiedNamespace'!r} is an app setting")


def _connection_name(trigger: Binding) -> str:
    return str(trigger.get("connection") or "AzureWebJobsServiceBus")


@asynccontextmanager
async def _client(trigger: Binding) -> AsyncIterator[ServiceBusClient]:
    name = _connection_name(trigger)
    if text := os.environ.get(name):
        async with ServiceBusClient.from_connection_string(text, retry_total=0) as client:
            yield client
        return
    from azure.identity.aio import DefaultAzureCredential  # 0.3 s to import, and a connection string needs none of it

    namespace = os.environ[f"{name}__fullyQualifiedNamespace"]
    async with DefaultAzureCredential() as credential, ServiceBusClient(namespace, credential, retry_total=0) as client:
        yield client


class Receiver:
    """The receiver of one function. Cancelling `run` gives back the messages in hand."""

    def __init__(self, function: Function, invoke: Invoker, configuration: HostConfiguration) -> None:
        self.function = function
        self._invoke = invoke
        self._lock_renewal = configuration.max_lock_renewal
        self._slots = asyncio.Semaphore(configuration.max_concurrent_calls)
        self._calls: set[asyncio.Task[None]] = set()
        self._pause = FIRST_PAUSE

    async def run(self) -> None:
        """Receive until cancelled, whatever becomes of the connection. Calls under way outlive a connection that breaks."""
        while True:
            try:
                await self._receive()
            except (ServiceBusError, OSError, ValueError) as error:  # ValueError: the client, when a link closed under it
                if self._pause == FIRST_PAUSE:
                    log.warning("%s: no connection to Service Bus, trying on: %s", self.function.name, error)
            except Exception:  # a defect of the client must not end a trigger for good
                log.exception("%s: the Service Bus receiver failed, starting it again", self.function.name)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _receive(self) -> None:
        async with (
            _client(self.function.trigger) as client,
            _open(client, self.function.trigger) as receiver,
            AutoLockRenewer(max_lock_renewal_duration=self._lock_renewal) as renewer,
        ):
            log.info("%s: receiving from %s", self.function.name, receiver.entity_path)
            self._pause = FIRST_PAUSE
            try:
                while True:
                    await self._receive_one(receiver, renewer)
            except asyncio.CancelledError:  # the host ends: give back what is in hand while the receiver is open
                await self._give_back()
                raise

    async def _receive_one(self, receiver: ServiceBusReceiver, renewer: AutoLockRenewer) -> None:
        await self._slots.acquire()
        try:
            messages = await receiver.receive_messages(max_message_count=1, max_wait_time=_POLL)
        except BaseException:  # cancellation too: the slot is free again
            self._slots.release()
            raise
        if not messages:
            self._slots.release()
        for message in messages:
            self._start(receiver, renewer, message)

    def _start(self, receiver: ServiceBusReceiver, renewer: AutoLockRenewer, message: ServiceBusReceivedMessage) -> None:
        renewer.register(receiver, message)
        call = asyncio.create_task(self._call(receiver, message))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        call.add_done_callback(lambda _: self._slots.release())

    async def _call(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        settle = receiver.complete_message
        try:
            await self._invoke(self.function, Datum(body_of(message), "bytes"), trigger_metadata(message))
        except asyncio.CancelledError:
            await _settle(self.function, receiver.abandon_message, message)
            raise
        except Exception:  # the app's: the message goes back and is delivered again
            log.exception("function %s failed on message %s", self.function.name, message.message_id)
            settle = receiver.abandon_message
        await _settle(self.function, settle, message)

    async def _give_back(self) -> None:
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)


def _open(client: ServiceBusClient, trigger: Binding) -> ServiceBusReceiver:
    if queue := trigger.get("queueName"):
        return client.get_queue_receiver(queue)
    return client.get_subscription_receiver(trigger["topicName"], trigger["subscriptionName"])


async def _settle(function: Function, settle: Any, message: ServiceBusReceivedMessage) -> None:
    try:
        await settle(message)
    except (ServiceBusError, OSError, ValueError) as error:  # the broker delivers it again when the lock expires
        log.warning("%s: message %s could not be settled: %s", function.name, message.message_id, error)


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """The payload; of a message whose body is a value and not data, its text."""
    body = message.body
    return body.encode() if isinstance(body, str) else b"".join(body)


def trigger_metadata(message: ServiceBusReceivedMessage) -> dict[str, Datum]:
    """The binding data of one message, as the extension gives it. DeliveryCount starts at 1, the client's count at 0."""
    texts: dict[str, str | None] = {
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "Subject": message.subject,
        "Label": message.subject,
        "To": message.to,
        "ReplyTo": message.reply_to,
        "PartitionKey": message.partition_key,
        "SessionId": message.session_id,
        "LockToken": str(message.lock_token),
        "DeadLetterReason": message.dead_letter_reason,
        "DeadLetterErrorDescription": message.dead_letter_error_description,
        "DeadLetterSource": message.dead_letter_source,
        "EnqueuedTimeUtc": _iso(message.enqueued_time_utc),
        "ExpiresAtUtc": _iso(message.expires_at_utc),
        "LockedUntil": _iso(message.locked_until_utc),
        "TimeToLive": None if message.time_to_live is None else str(message.time_to_live),
    }
    values: dict[str, Any] = {
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "SequenceNumber": message.sequence_number,
        "EnqueuedSequenceNumber": message.enqueued_sequence_number,
        "State": int(message.state),
        "UserProperties": (properties := _properties(message.application_properties)),
        "ApplicationProperties": properties,
    }
    return {
        **{name: Datum(text, "string") for name, text in texts.items() if text is not None},
        **{name: Datum(json.dumps(value), "json") for name, value in values.items() if value is not None},
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _properties(given: Mapping[Any, Any] | None) -> dict[str, Any]:
    return {_plain(name): _plain(value) for name, value in (given or {}).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
