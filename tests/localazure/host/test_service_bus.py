"""Service Bus triggers: the host's real client against the local broker, which comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from localazure.service_bus import Broker, Entities, QueueSpec, Subscription, TopicSpec
from localazure.shelf import Shelf
from tests.localazure.host.conftest import LocalHost

LOCK_SECONDS = 1.5
ENTITIES = Entities(
    queues=(QueueSpec("work", max_delivery=3),),
    topics=(TopicSpec("happened", (Subscription("sample", lock_seconds=60),)),),
)


class Bus:
    """The broker in the test's own loop, on the port that the host's settings name."""

    def __init__(self, shelf: Shelf, port: int) -> None:
        self.broker = Broker(shelf, port, ENTITIES, lock_seconds=LOCK_SECONDS)
        self.client = ServiceBusClient.from_connection_string(LocalHost.bus(port))

    async def send(self, *messages: ServiceBusMessage | str, topic: bool = False) -> None:
        whole = [one if isinstance(one, ServiceBusMessage) else ServiceBusMessage(one) for one in messages]
        sender = self.client.get_topic_sender("happened") if topic else self.client.get_queue_sender("work")
        async with sender:
            await sender.send_messages(whole)

    async def dead(self) -> list[str]:
        async with self.client.get_queue_receiver("work", sub_queue="deadletter", max_wait_time=0.5) as receiver:
            return [str(message) for message in await receiver.receive_messages(10)]

    async def left(self) -> int:
        async with self.client.get_queue_receiver("work") as receiver:
            return len(await receiver.peek_messages(10))


async def eventually(look: Callable[[], Any], seconds: float = 10) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := look()):  # noqa: ASYNC110  (another process makes it true)
            await asyncio.sleep(0.02)
        return found


Served = tuple[LocalHost, Bus]


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One host and one broker for all; every test has messages of its own. The last one ends the host."""
    folder = tmp_path_factory.mktemp("bus")
    host = LocalHost(folder / "data")
    shelf = Shelf(folder / "bus.sqlite")
    bus = Bus(shelf, host.layout.ports["serviceBus"])
    await bus.broker.start()
    await asyncio.to_thread(host.start)
    yield host, bus
    await bus.client.close()
    await asyncio.to_thread(host.end)
    host.http.close()
    await bus.broker.stop()
    shelf.close()


def deliveries(host: LocalHost, text: str, where: str = "queue") -> list[int]:
    return [delivery for body, _, delivery, _ in host.notes(where) if body == text]


async def done(host: LocalHost, text: str, where: str = "queue") -> None:
    await eventually(lambda: text in host.notes(f"{where} done"))


async def test_a_message_is_handed_over_with_its_metadata_and_completed(served: Served) -> None:
    host, bus = served
    await bus.send(ServiceBusMessage("ok hello", message_id="m-1", application_properties={"tenant": "t1", "n": 5}))
    await done(host, "ok hello")
    assert ["ok hello", "m-1", 1, {"tenant": "t1", "n": 5}] in host.notes("queue")
    assert await bus.left() == 0


async def test_a_subscription_receives_what_its_topic_takes_in(served: Served) -> None:
    host, bus = served
    await bus.send("ok news", topic=True)
    await done(host, "ok news", "topic")


async def test_a_message_whose_function_raises_comes_again_at_once(served: Served) -> None:
    host, bus = served
    await bus.send("once")
    await done(host, "once")
    assert deliveries(host, "once") == [1, 2]


async def test_a_poisonous_message_ends_in_the_dead_letter_queue(served: Served) -> None:
    host, bus = served
    await bus.send("poison")
    await eventually(lambda: len(deliveries(host, "poison")) == 3)
    assert await bus.dead() == ["poison"]


async def test_a_lock_is_renewed_while_the_function_works(served: Served) -> None:
    host, bus = served
    await bus.send("3 renewed")
    await done(host, "3 renewed")
    assert deliveries(host, "3 renewed") == [1]
    assert await bus.left() == 0


async def test_no_more_calls_at_once_than_host_json_allows(served: Served) -> None:
    host, bus = served
    texts = [f"0.3 crowd-{number}" for number in range(7)]
    await bus.send(*texts)
    for text in texts:
        await done(host, text)
    running, most = 0, 0
    for kind, value in host.all_notes():
        if "crowd" in str(value):
            running += {"queue": 1, "queue done": -1}[kind]
            most = max(most, running)
    assert most == 3


async def test_messages_are_received_again_after_the_broker_was_away(served: Served) -> None:
    host, bus = served
    connected = host.log.count("on_queue: receiving")
    await bus.broker.stop()
    await eventually(lambda: host.log.count("on_queue: no connection") == 1)
    await asyncio.sleep(0.5)
    await bus.broker.start()
    await bus.send("ok after")
    await done(host, "ok after")
    assert host.log.count("on_queue: receiving") == connected + 1
    assert host.log.count("on_queue: no connection") == 1, "said once, not at every attempt"


async def test_a_function_can_be_called_by_hand_with_a_body(served: Served) -> None:
    host, _ = served
    key = {"x-functions-key": host.keys["master"]}
    answer = await asyncio.to_thread(host.http.post, "/admin/functions/on_queue", headers=key, json={"input": "ok by hand"})
    assert answer.status_code == 202
    await done(host, "ok by hand")


async def test_what_is_in_hand_at_the_end_is_given_back(served: Served) -> None:
    host, bus = served
    await bus.send("5 unfinished", topic=True)
    await eventually(lambda: deliveries(host, "5 unfinished", "topic"))
    assert await asyncio.to_thread(host.end) == 0
    async with bus.client.get_subscription_receiver("happened", "sample", max_wait_time=0.7) as receiver:
        messages = await receiver.receive_messages(1)
        assert [str(message) for message in messages] == ["5 unfinished"], "and not when its lock of a minute expires"
        await receiver.complete_message(messages[0])
