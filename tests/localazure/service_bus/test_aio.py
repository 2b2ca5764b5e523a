"""The asynchronous client, as the app uses it."""

from __future__ import annotations

import time

import pytest
from azure.core.credentials import AccessToken
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from localazure.service_bus import RUNTIME, Broker, connection_string
from localazure.shelf import Shelf


@pytest.fixture
async def broker(tmp_path):
    shelf = Shelf(tmp_path / "bus.sqlite")
    running = Broker(shelf, 0, RUNTIME, lock_seconds=5)
    await running.start()
    yield running
    await running.stop()
    shelf.close()


async def test_work_is_settled_in_one_loop_with_the_broker(broker):
    client = ServiceBusClient.from_connection_string(connection_string(broker.port))
    async with (
        client,
        client.get_queue_sender("runtime-work") as sender,
        client.get_queue_receiver("runtime-work", max_wait_time=2) as receiver,
    ):
        await sender.send_messages([ServiceBusMessage(f"a{i}") for i in range(4)])
        messages = []
        while len(messages) < 4:
            messages += await receiver.receive_messages(4)
        await receiver.complete_message(messages[0])
        await receiver.dead_letter_message(messages[1], reason="x")
        await receiver.abandon_message(messages[2])
        await receiver.complete_message(messages[3])
        (again,) = await receiver.receive_messages(1)
        assert (str(again), again.delivery_count) == ("a2", 1)
        await receiver.complete_message(again)


async def test_an_event_that_is_sent_twice_reaches_every_subscription_once(broker):
    client = ServiceBusClient.from_connection_string(connection_string(broker.port))
    async with (
        client,
        client.get_topic_sender("runtime-events") as events,
        client.get_subscription_receiver("runtime-events", "runtime-app", max_wait_time=2) as app,
        client.get_subscription_receiver("runtime-events", "observer", max_wait_time=2) as observer,
    ):
        for _ in range(2):
            await events.send_messages(ServiceBusMessage("happened", message_id="evt-1"))
        for receiver in (app, observer):
            (event,) = await receiver.receive_messages(5)
            assert event.message_id == "evt-1"
            await receiver.complete_message(event)
            assert await receiver.receive_messages(1, max_wait_time=0.3) == []


class Identity:
    async def get_token(self, *scopes, **_options):
        return AccessToken("eyJ.x.y", int(time.time()) + 3600)

    async def close(self): ...


async def test_a_token_credential_is_as_good_as_a_connection_string(broker):
    client = ServiceBusClient(f"localhost:{broker.port}", Identity(), use_tls=False)
    async with client, client.get_queue_sender("runtime-errors") as sender:
        await sender.send_messages(ServiceBusMessage("aad"))
    (message,) = broker.find("runtime-errors").queue.browse(1)
    assert message.bare
