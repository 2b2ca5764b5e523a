"""What survives a `kill -9` of the broker's process: everything that was accepted, nothing that was completed."""

from __future__ import annotations

import datetime as dt
import gc
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from localazure.service_bus import Broker, Entities, QueueSpec, connection_string
from localazure.service_bus.intake import Sequence
from localazure.service_bus.journal import Journal
from localazure.service_bus.message import Message
from localazure.shelf import Shelf
from tests.support.ports import free_port

# The client leaves its socket to the garbage collector when the other end goes away.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
ROOT = Path(__file__).parents[3]


class BrokerProcess:
    def __init__(self, shelf: Path) -> None:
        self.port = free_port()
        self._shelf = shelf
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        script = Path(__file__).with_name("broker_process.py")
        self._child = subprocess.Popen(
            [sys.executable, script, str(self.port), str(self._shelf)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout.readline() == "listening\n"

    def kill(self) -> None:
        self._child.kill()
        self._child.communicate()


@pytest.fixture
def process(tmp_path):
    running = BrokerProcess(tmp_path / "bus.sqlite")
    running.start()
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


class Connected:
    """A client that closes every link it opened: the SDK's own forgets those that nobody refers to."""

    def __init__(self, process):
        self._client = ServiceBusClient.from_connection_string(connection_string(process.port), retry_backoff_factor=0.1)
        self._links = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self._links.close()
        self._client.close()

    def sender(self, queue):
        return self._links.enter_context(self._client.get_queue_sender(queue))

    def topic_sender(self, topic):
        return self._links.enter_context(self._client.get_topic_sender(topic))

    def receiver(self, queue, **options):
        return self._links.enter_context(self._client.get_queue_receiver(queue, **options))

    def subscription(self, topic, name):
        return self._links.enter_context(self._client.get_subscription_receiver(topic, name))


def received(receiver, count):
    got = []
    while len(got) < count:
        messages = receiver.receive_messages(count - len(got), max_wait_time=4)
        assert messages, got
        got += messages
    return got


def drained(receiver, count):
    got = received(receiver, count)
    for message in got:
        receiver.complete_message(message)
    assert receiver.receive_messages(1, max_wait_time=0.2) == []
    return got


def test_what_was_accepted_comes_back_and_what_was_settled_does_not(process):
    with Connected(process) as client:
        sender, receiver = client.sender("work"), client.receiver("work")
        sender.send_messages([ServiceBusMessage(f"m{i}", application_properties={"i": i}) for i in range(6)])
        completed, deferred, dead = received(receiver, 3)
        receiver.complete_message(completed)
        receiver.defer_message(deferred)
        receiver.dead_letter_message(dead, reason="why")
        process.kill()
    process.start()
    with Connected(process) as client:
        receiver = client.receiver("work")
        (again,) = receiver.receive_deferred_messages([deferred.sequence_number])
        assert str(again) == "m1"
        receiver.complete_message(again)
        assert [(str(m), m.application_properties[b"i"]) for m in drained(receiver, 3)] == [("m3", 3), ("m4", 4), ("m5", 5)]
        (letter,) = drained(client.receiver("work", sub_queue="deadletter"), 1)
        assert (str(letter), letter.dead_letter_reason) == ("m2", "why")
        client.sender("work").send_messages(ServiceBusMessage("new"))
        (fresh,) = drained(receiver, 1)
        assert fresh.sequence_number > dead.sequence_number + 3  # numbers are never given twice


def test_a_lock_outlives_the_broker_then_runs_out_and_counts(process):
    with Connected(process) as client:
        client.sender("work").send_messages(ServiceBusMessage("held"))
        receiver = client.receiver("work")
        receiver.abandon_message(received(receiver, 1)[0])
        assert received(receiver, 1)[0].delivery_count == 1
        process.kill()
    process.start()
    with Connected(process) as client:
        receiver = client.receiver("work")
        (again,) = drained(receiver, 1)
        assert (str(again), again.delivery_count) == ("held", 2)


def test_whoever_held_a_lock_may_still_settle_after_a_restart(process):
    with Connected(process) as client:
        client.sender("later").send_messages(ServiceBusMessage("held"))
        receiver = client.receiver("later")
        (message,) = received(receiver, 1)
        process.kill()
        process.start()
        receiver.complete_message(message)
        assert receiver.peek_messages(1, sequence_number=1) == []


def test_schedules_and_seen_ids_survive(process):
    due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2.5)
    with Connected(process) as client:
        client.topic_sender("events").send_messages(ServiceBusMessage("once", message_id="e1"))
        client.sender("later").schedule_messages(ServiceBusMessage("tomorrow"), due)
        process.kill()
    process.start()
    with Connected(process) as client:
        client.topic_sender("events").send_messages(ServiceBusMessage("twice", message_id="e1"))
        assert [str(m) for m in drained(client.receiver("later"), 1)] == ["tomorrow"]
        assert dt.datetime.now(dt.UTC) >= due
        for name in ("first", "second"):
            assert [str(m) for m in drained(client.subscription("events", name), 1)] == ["once"]


class DiesAfter:
    """A shelf whose process is killed after so many writes."""

    def __init__(self, shelf: Shelf, writes: int) -> None:
        self._shelf, self._left = shelf, writes
        self.get, self.all = shelf.get, shelf.all

    def _write(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise InterruptedError

    def put(self, *arguments: object) -> None:
        self._write()
        self._shelf.put(*arguments)

    def delete(self, *arguments: object) -> None:
        self._write()
        self._shelf.delete(*arguments)


@pytest.mark.parametrize("writes", range(6))
def test_changes_made_together_are_durable_all_or_none(tmp_path, writes):
    shelf = Shelf(tmp_path / "bus.sqlite")
    message = Message.parse(b"\x00\x53\x75\xa0\x01x")
    message.sequence = 1
    journal = Journal(DiesAfter(shelf, writes))
    died = False
    try:
        with journal.together():
            for queue in ("a", "b", "c"):
                journal.keep(queue, message)
    except InterruptedError:
        died = True
    kept = Journal(shelf).messages()
    assert died == (writes < 5)
    assert set(kept) == (set() if writes == 0 else {"a", "b", "c"})
    shelf.close()


async def test_messages_of_an_entity_that_is_no_longer_configured_wait_for_it(tmp_path):
    shelf = Shelf(tmp_path / "bus.sqlite")
    both = Entities(queues=(QueueSpec("kept"), QueueSpec("dropped")))
    before = Broker(shelf, 0, both)
    before.find("dropped").intake.accept([Message.parse(b"\x00\x53\x75\xa0\x01x")])
    Broker(shelf, 0, Entities(queues=(QueueSpec("kept"),)))
    after = Broker(shelf, 0, both)
    assert [message.bare for message in after.find("dropped").queue.browse(1)] == [b"\x00\x53\x75\xa0\x01x"]
    assert time.time() - after.find("dropped").queue.browse(1)[0].enqueued < 5
    shelf.close()


@pytest.mark.parametrize("shelved", [True, False])
def test_no_number_of_an_entity_comes_twice_however_many_there_are(tmp_path, shelved):
    shelf = Shelf(tmp_path / "bus.sqlite")
    journal = Journal(shelf if shelved else None)
    one, other = Sequence("one", journal), Sequence("other", journal)
    numbers = range(1, 2501)
    assert [(one.next(), other.next()) for _ in numbers] == [(number, number) for number in numbers]
    shelf.close()
