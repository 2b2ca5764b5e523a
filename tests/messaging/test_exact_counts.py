"""Ten thousand events, 5 % of them twice, 1 % unreadable: every one has its effect, once, and nothing else has any."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from azure.servicebus.aio import ServiceBusClient

from localazure.service_bus import connection_string
from shared.azure.bus import Message
from shared.azure.messaging import Messaging
from shared.events.inbox import Inbox
from shared.events.receiving import Received, Receiving
from shared.kernel import channels
from shared.kernel.clock import draw, now
from shared.kernel.ids import EnvironmentId
from shared.store import keys
from shared.store.memory import MemoryStore
from tests.localazure.service_bus.conftest import HostedBroker
from tests.messaging.listener import Listener

TENANT = "connectsoft"
ENVIRONMENTS = [EnvironmentId(f"env-{number:016x}") for number in range(20)]


@dataclass(frozen=True)
class Crowd:
    """`messages` in the order they come; a repetition has a message id of its own, so that no broker drops it."""

    messages: list[tuple[str, bytes]]
    distinct: int
    malformed: int


def crowd(total: int) -> Crowd:
    repeated, malformed = total // 20, total // 100
    distinct = total - repeated - malformed
    bodies = [event(number) for number in range(distinct)]
    odd = [b"{", b'{"eventId": "evt-1"}', b"\xff\xfe", b"[]"]
    sent = [*bodies, *bodies[:repeated], *(odd[number % len(odd)] for number in range(malformed))]
    messages = [(f"m-{number}", body) for number, body in enumerate(sent)]
    random.Random(7).shuffle(messages)  # noqa: S311 - an order that is the same in every run
    return Crowd(messages, distinct, malformed)


def event(number: int) -> bytes:
    return json.dumps(
        {
            "eventId": f"evt-{number:032x}",
            "eventType": "RuntimeInventoryUpdated",
            "tenantId": TENANT,
            "occurredAt": datetime(2026, 6, 11, tzinfo=UTC).isoformat(),
            "sequence": number // len(ENVIRONMENTS) + 1,
            "payload": {"environmentId": ENVIRONMENTS[number % len(ENVIRONMENTS)], "generation": 1},
        }
    ).encode()


@dataclass
class Kept:
    """An error queue that is only a list."""

    reasons: list[str] = field(default_factory=list)

    async def set_aside(self, message: Received, reason: str) -> None:
        self.reasons.append(reason)


async def effects_of(listener: Listener) -> list[int]:
    return [await listener.effects(keys.partition_of(TENANT, one)) for one in ENVIRONMENTS]


def expected(distinct: int) -> list[int]:
    return [len(range(at, distinct, len(ENVIRONMENTS))) for at in range(len(ENVIRONMENTS))]


async def test_ten_thousand_events_have_their_effects_exactly() -> None:
    came, errors, store = crowd(10_000), Kept(), MemoryStore()
    listener = Listener(Receiving(errors, asyncio.sleep), Inbox(store, now, draw), store)
    waiting = iter(came.messages)

    async def worker() -> None:
        for ident, body in waiting:
            await listener.take(body, ident)

    await asyncio.gather(*[worker() for _ in range(16)])
    assert (came.distinct, came.malformed, len(came.messages)) == (9_400, 100, 10_000)
    assert await effects_of(listener) == expected(came.distinct)
    assert (len(listener.heard), listener.heard.total()) == (9_400, 9_900)
    assert len(errors.reasons) == 100


async def test_the_same_over_a_real_broker_with_the_real_client(hosted: HostedBroker, messaging: Messaging) -> None:
    came, store = crowd(600), MemoryStore()
    listener = Listener(Receiving(messaging, asyncio.sleep), Inbox(store, now, draw), store)
    await messaging.bus.publish(channels.EVENTS, [Message(body, ident) for ident, body in came.messages])
    due, connection = len(came.messages) - came.malformed, connection_string(hosted.broker.port)
    await asyncio.wait_for(listener.listen(connection, lambda: listener.heard.total() >= due), 60)
    aside = await set_aside(connection, came.malformed)
    assert await effects_of(listener) == expected(came.distinct)
    assert len(aside) == came.malformed
    assert {(one[b"cs-source"], bool(one[b"cs-reason"])) for one in aside} == {(channels.OWN.encode(), True)}


async def set_aside(connection: str, wanted: int) -> list[dict[bytes, bytes]]:
    """What stands on the error queue, and that no more comes."""
    found: list[dict[bytes, bytes]] = []
    async with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver(channels.ERRORS) as receiver,
    ):
        while len(found) < wanted and (batch := await receiver.receive_messages(100, max_wait_time=10)):
            found += [dict(message.application_properties or {}) for message in batch]  # type: ignore[arg-type]
        found += [dict(one.application_properties or {}) for one in await receiver.receive_messages(1, max_wait_time=0.3)]  # type: ignore[arg-type]
    return found
