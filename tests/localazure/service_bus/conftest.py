"""A broker in a thread of its own, and the real client with its links opened once: each costs half a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from localazure.service_bus import Broker, Entities, QueueSpec, Subscription, TopicSpec, connection_string

ENTITIES = Entities(
    queues=(
        QueueSpec("work", max_delivery=3),
        QueueSpec("bystander"),
        QueueSpec("brief"),
        QueueSpec("counted"),
        QueueSpec("short", max_delivery=3, lock_seconds=1),
        QueueSpec("mortal", ttl_seconds=0.5, dead_letter_expired=True),
        QueueSpec("once", duplicate_window=2),
    ),
    topics=(TopicSpec("events", (Subscription("first"), Subscription("Second")), duplicate_window=600),),
)


class HostedBroker:
    """Runs a broker on its own loop, so that blocking clients may be used in the test's thread."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.broker.start(), self._loop).result(5)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.broker.stop(), self._loop).result(5)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def connection_string(self) -> str:
        return connection_string(self.broker.port)


@dataclass
class Switch:
    """What the broker asks for faults; set `mode` to make it fail."""

    mode: str = ""
    rate: float = 1.0

    def __call__(self) -> Switch | None:
        return self if self.mode else None


class Links:
    """The real client's senders and receivers, each opened once, when first asked for."""

    def __init__(self, connection: str) -> None:
        self.client = ServiceBusClient.from_connection_string(connection, retry_total=0)
        self._open: dict[Any, Any] = {}

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._open:
            self._open[key] = make().__enter__()  # opened now, not within the first operation's time limit
        return self._open[key]

    def sender(self, queue: str) -> ServiceBusSender:
        return self._once(("send", queue), lambda: self.client.get_queue_sender(queue))

    def topic_sender(self, topic: str) -> ServiceBusSender:
        return self._once(("topic", topic), lambda: self.client.get_topic_sender(topic))

    def receiver(self, queue: str, **options: Any) -> ServiceBusReceiver:
        key = ("receive", queue, *options.items())
        return self._once(key, lambda: self.client.get_queue_receiver(queue, max_wait_time=3, **options))

    def dead_letters(self, queue: str) -> ServiceBusReceiver:
        return self.receiver(queue, sub_queue="deadletter")

    def subscription(self, topic: str, name: str, **options: Any) -> ServiceBusReceiver:
        key = ("subscription", topic, name, *options.items())
        return self._once(key, lambda: self.client.get_subscription_receiver(topic, name, max_wait_time=3, **options))

    def close(self) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda link: link.close(), self._open.values()))
        self.client.close()


@pytest.fixture(scope="module")
def traffic() -> list[tuple[str, str, int]]:
    return []


@pytest.fixture(scope="module")
def faults() -> Switch:
    return Switch()


@pytest.fixture(scope="module")
def hosted(traffic: list[tuple[str, str, int]], faults: Switch) -> Iterator[HostedBroker]:
    broker = Broker(None, 0, ENTITIES, faults=faults, traffic=lambda *row: traffic.append(row))
    host = HostedBroker(broker)
    yield host
    host.close()


@pytest.fixture(scope="module")
def links(hosted: HostedBroker) -> Iterator[Links]:
    opened = Links(hosted.connection_string)
    yield opened
    opened.close()


def nothing_arrives(receiver: ServiceBusReceiver) -> bool:
    return receiver.receive_messages(1, max_wait_time=0.3) == []


@pytest.fixture(scope="session")
def silent() -> Callable[[ServiceBusReceiver], bool]:
    return nothing_arrives
