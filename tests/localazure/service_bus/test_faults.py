"""A broker that is made to fail, and clients that break the protocol."""

from __future__ import annotations

import gc
import socket
import struct
import time
from dataclasses import dataclass

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusConnectionError, ServiceBusError, ServiceBusServerBusyError

from localazure.service_bus import session
from localazure.service_bus.faults import strikes

# The client leaves its socket to the garbage collector when the other end goes away.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@dataclass
class Switch:
    mode: str
    rate: float


@pytest.fixture(autouse=True)
def healthy_again(faults):
    yield
    faults.mode = ""
    gc.collect()


def test_a_stopped_broker_refuses_and_keeps_its_messages(hosted, links):
    links.sender("work").send_messages(ServiceBusMessage("kept"))
    hosted.stop()
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", hosted.broker.port), 1)
        with pytest.raises(ServiceBusConnectionError):
            links.sender("work").send_messages(ServiceBusMessage("lost"))
    finally:
        hosted.start()
    client = ServiceBusClient.from_connection_string(hosted.connection_string)
    with client, client.get_queue_receiver("work", max_wait_time=3) as receiver:
        (message,) = receiver.receive_messages(1)
        assert str(message) == "kept"
        receiver.complete_message(message)


def test_a_slow_broker_takes_its_time_to_acknowledge(links, faults, monkeypatch):
    monkeypatch.setattr(session, "SLOW_SECONDS", 0.6)
    sender, receiver = links.sender("bystander"), links.receiver("bystander")
    faults.mode = "slow"
    started = time.monotonic()
    sender.send_messages(ServiceBusMessage("slow"))
    assert time.monotonic() - started >= 0.6
    (message,) = receiver.receive_messages(1)
    started = time.monotonic()
    receiver.complete_message(message)
    assert time.monotonic() - started >= 0.6


def test_a_failing_broker_refuses_with_its_own_error_and_takes_nothing(links, faults, silent):
    sender, receiver = links.sender("bystander"), links.receiver("bystander")
    faults.mode = "error"
    with pytest.raises(ServiceBusError, match="internal-error"):
        sender.send_messages(ServiceBusMessage("refused"))
    with pytest.raises(ServiceBusError, match="internal-error"), links.client.get_queue_sender("short"):
        pass
    faults.mode = ""
    assert silent(receiver)


def test_a_failed_settlement_leaves_the_message(links, faults):
    sender, receiver = links.sender("short"), links.receiver("short")
    sender.send_messages(ServiceBusMessage("again"))
    (message,) = receiver.receive_messages(1)
    faults.mode = "error"
    with pytest.raises(ServiceBusError, match="internal-error"):
        receiver.complete_message(message)
    faults.mode = ""
    (message,) = receiver.receive_messages(1)
    assert str(message) == "again"
    receiver.complete_message(message)


def test_a_throttled_broker_says_that_it_is_busy_and_takes_nothing(links, faults, silent, traffic):
    sender, receiver = links.sender("bystander"), links.receiver("bystander")
    faults.mode = "throttle"
    with pytest.raises(ServiceBusServerBusyError):
        sender.send_messages(ServiceBusMessage("refused"))
    assert traffic[-1] == ("SEND", "bystander", 503)
    with pytest.raises(ServiceBusServerBusyError):
        receiver.peek_messages(1)
    faults.mode = ""
    assert silent(receiver)


def test_a_message_whose_acknowledgement_was_lost_is_there_and_sent_again_it_is_kept_once(links, faults, silent, traffic):
    sender, receiver = links.topic_sender("events"), links.subscription("events", "first")
    traffic.clear()
    faults.mode = "ackLost"
    with pytest.raises(ServiceBusConnectionError):
        sender.send_messages(ServiceBusMessage("once", message_id="m-1"))
    faults.mode = ""
    sender.send_messages(ServiceBusMessage("once", message_id="m-1"))
    assert [row for row in traffic if row[0] == "SEND"] == [("SEND", "events", 202)] * 2
    (message,) = receiver.receive_messages(1)
    assert str(message) == "once"
    receiver.complete_message(message)
    assert silent(receiver)


class StrikesOnce:
    """Loses one acknowledgement."""

    mode = "ackLost"

    def __init__(self):
        self._rates = iter([1.0])

    @property
    def rate(self):
        return next(self._rates, 0.0)


def test_the_client_itself_sends_again_and_duplicate_detection_keeps_one(hosted, links, silent, traffic, monkeypatch):
    receiver, fault = links.receiver("once"), StrikesOnce()
    traffic.clear()
    client = ServiceBusClient.from_connection_string(hosted.connection_string, retry_backoff_factor=0.05)
    with client, client.get_queue_sender("once") as sender:
        monkeypatch.setattr(hosted.broker.oversight, "faults", lambda: fault)
        sender.send_messages(ServiceBusMessage("again", message_id="m-2"))
    assert [row for row in traffic if row[0] == "SEND"] == [("SEND", "once", 202)] * 2
    (message,) = receiver.receive_messages(5)
    assert str(message) == "again"
    receiver.complete_message(message)
    assert silent(receiver)


def test_a_settlement_whose_acknowledgement_was_lost_was_made(links, faults, silent):
    sender = links.sender("short")
    sender.send_messages(ServiceBusMessage("done"))
    with links.client.get_queue_receiver("short", max_wait_time=3) as receiver:
        (message,) = receiver.receive_messages(1)
        faults.mode = "ackLost"
        with pytest.raises(ServiceBusError):
            receiver.complete_message(message)
        faults.mode = ""
    assert links.receiver("short").peek_messages(1) == []  # not even a locked one


def test_a_fault_strikes_its_share_of_requests_only():
    struck = sum(strikes(Switch("error", 0.5), "error") for _ in range(1000))
    assert 350 < struck < 650
    assert not strikes(Switch("error", 0.0), "error")
    assert not strikes(Switch("error", 1.0), "slow")
    assert not strikes(None, "error")


SASL, AMQP = b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x01\x00\x00"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        struct.pack(">IBBH", 1 << 31, 2, 0, 0),
        AMQP + struct.pack(">IBBH", 16, 2, 0, 0) + b"\x00\x53\x10\xff\xff\xff\xff\xff",
        AMQP + struct.pack(">IBBH", 13, 2, 0, 0) + b"\x00\x53\x10\xd0\x00",
        AMQP + struct.pack(">IBBH", 12, 2, 0, 0) + b"\x00\x53\x11\x45",
        SASL + struct.pack(">IBBH", 9, 200, 1, 0) + b"\x00",
    ],
)
def test_bytes_that_are_no_amqp_end_their_connection_only(hosted, links, garbage):
    with socket.create_connection(("127.0.0.1", hosted.broker.port), 2) as peer:
        peer.settimeout(2)
        peer.sendall(garbage)
        while peer.recv(4096):
            pass
    links.sender("bystander").send_messages(ServiceBusMessage("still here"))
