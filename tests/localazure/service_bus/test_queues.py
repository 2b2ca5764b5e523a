"""Queues as the real client sees them."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from azure.servicebus import AutoLockRenewer, ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)


def one(receiver):
    (message,) = receiver.receive_messages(1)
    return message


def soon(seconds):
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


def test_a_message_arrives_as_it_was_sent(links, silent):
    receiver = links.receiver("work")
    links.sender("work").send_messages(
        ServiceBusMessage(
            b'{"a":1}',
            message_id="m1",
            correlation_id="c",
            subject="s",
            content_type="application/json",
            application_properties={"tenantId": "t1", "n": 5, "f": 1.5, "b": True},
            time_to_live=dt.timedelta(hours=1),
            partition_key="pk",
        )
    )
    message = one(receiver)
    assert b"".join(message.body) == b'{"a":1}'
    assert (message.message_id, message.correlation_id, message.subject) == ("m1", "c", "s")
    assert message.application_properties == {b"tenantId": b"t1", b"n": 5, b"f": 1.5, b"b": True}
    assert (message.delivery_count, message.partition_key) == (0, "pk")
    assert message.time_to_live == dt.timedelta(hours=1)
    assert message.sequence_number >= 1
    assert abs((message.enqueued_time_utc - dt.datetime.now(dt.UTC)).total_seconds()) < 5
    assert message.locked_until_utc > dt.datetime.now(dt.UTC)
    receiver.complete_message(message)
    assert silent(receiver)


def test_batches_keep_their_order(links):
    sender, receiver = links.sender("work"), links.receiver("work")
    sender.send_messages([ServiceBusMessage(f"x{i}") for i in range(20)])
    batch = sender.create_message_batch()
    for i in range(20):
        batch.add_message(ServiceBusMessage(f"y{i}"))
    sender.send_messages(batch)
    got = []
    while len(got) < 40:
        messages = receiver.receive_messages(40)
        assert messages
        for message in messages:
            receiver.complete_message(message)
        got += map(str, messages)
    assert got == [f"x{i}" for i in range(20)] + [f"y{i}" for i in range(20)]


def test_a_message_may_take_many_frames_up_to_the_limit(links):
    links.sender("work").send_messages(ServiceBusMessage(b"z" * 240_000))
    message = one(links.receiver("work"))
    assert len(b"".join(message.body)) == 240_000
    links.receiver("work").complete_message(message)


def test_a_message_over_the_limit_is_refused(links, silent):
    with pytest.raises(MessageSizeExceededError):
        links.sender("work").send_messages(ServiceBusMessage(b"z" * 300_000))
    assert silent(links.receiver("work"))


def test_a_body_may_be_any_amqp_value(links):
    links.sender("work").send_messages(AmqpAnnotatedMessage(value_body={"k": [1, 2, None, 2.5]}))
    message = one(links.receiver("work"))
    assert message.body == {b"k": [1, 2, None, 2.5]}
    links.receiver("work").complete_message(message)


def test_an_abandoned_message_counts_until_it_is_dead_lettered(links, silent):
    receiver, dead = links.receiver("work"), links.dead_letters("work")
    links.sender("work").send_messages(ServiceBusMessage("bad"))
    counts = []
    for _ in range(3):
        message = one(receiver)
        counts.append(message.delivery_count)
        receiver.abandon_message(message)
    assert counts == [0, 1, 2]
    assert silent(receiver)
    letter = one(dead)
    assert letter.dead_letter_reason == "MaxDeliveryCountExceeded"
    dead.complete_message(letter)


def test_a_dead_letter_says_why_and_from_where(links):
    receiver, dead = links.receiver("work"), links.dead_letters("work")
    links.sender("work").send_messages(ServiceBusMessage("dl", application_properties={"k": "v"}))
    receiver.dead_letter_message(one(receiver), reason="why", error_description="because")
    letter = one(dead)
    assert (letter.dead_letter_reason, letter.dead_letter_error_description) == ("why", "because")
    assert letter.application_properties[b"k"] == b"v"
    assert letter.dead_letter_source == "work"
    dead.complete_message(letter)


def test_a_dead_letter_never_dies_again(links):
    receiver, dead = links.receiver("work"), links.dead_letters("work")
    links.sender("work").send_messages(ServiceBusMessage("immortal"))
    receiver.dead_letter_message(one(receiver))
    for _ in range(4):
        dead.abandon_message(one(dead))
    dead.complete_message(one(dead))


def test_a_deferred_message_is_had_by_number_only(links, silent):
    receiver = links.receiver("work")
    links.sender("work").send_messages(ServiceBusMessage("df"))
    message = one(receiver)
    receiver.defer_message(message)
    assert silent(receiver)
    (again,) = receiver.receive_deferred_messages([message.sequence_number])
    receiver.abandon_message(again)
    assert silent(receiver)
    (again,) = receiver.receive_deferred_messages([message.sequence_number])
    assert (str(again), again.delivery_count) == ("df", 1)
    receiver.complete_message(again)
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages([message.sequence_number])


def test_peeking_shows_all_and_takes_nothing(links):
    receiver = links.receiver("work")
    links.sender("work").send_messages([ServiceBusMessage(f"p{i}") for i in range(3)])
    peeked = receiver.peek_messages(10, sequence_number=1)
    assert [str(message) for message in peeked] == ["p0", "p1", "p2"]
    messages = receiver.receive_messages(3)
    assert len(receiver.peek_messages(10, sequence_number=peeked[1].sequence_number)) == 2
    for message in messages:
        receiver.complete_message(message)
    assert receiver.peek_messages(10, sequence_number=1) == []


def test_a_renewed_lock_holds_longer(links):
    receiver = links.receiver("short")
    links.sender("short").send_messages(ServiceBusMessage("rl"))
    message = one(receiver)
    time.sleep(0.7)
    receiver.renew_message_lock(message)
    time.sleep(0.7)
    receiver.complete_message(message)


def test_an_expired_lock_counts_and_its_token_is_void(links):
    receiver = links.receiver("short")
    links.sender("short").send_messages(ServiceBusMessage("le"))
    message = one(receiver)
    again = one(receiver)
    assert again.delivery_count == 1
    annotations = message._raw_amqp_message.annotations
    annotations[b"x-opt-locked-until"] = int((time.time() + 60) * 1000)  # past the client's own check
    with pytest.raises(MessageLockLostError):
        receiver.complete_message(message)
    receiver.complete_message(again)


def test_the_clients_lock_renewer_keeps_a_message(links, silent):
    receiver = links.receiver("short")
    with AutoLockRenewer() as renewer:
        links.sender("short").send_messages(ServiceBusMessage("alr"))
        message = one(receiver)
        renewer.register(receiver, message, max_lock_renewal_duration=10)
        time.sleep(1.6)
        receiver.complete_message(message)
    assert silent(receiver)


def test_a_scheduled_message_waits_for_its_time_and_can_be_cancelled(links, silent):
    sender, receiver = links.sender("work"), links.receiver("work")
    due = soon(1)
    numbers = sender.schedule_messages([ServiceBusMessage("s1"), ServiceBusMessage("s2")], due)
    sender.cancel_scheduled_messages(numbers[1])
    sender.send_messages(ServiceBusMessage("s3", scheduled_enqueue_time_utc=due))
    assert silent(receiver)
    got = []
    while len(got) < 2:
        for message in receiver.receive_messages(2):
            got.append(str(message))
            receiver.complete_message(message)
    assert sorted(got) == ["s1", "s3"]
    assert dt.timedelta() <= dt.datetime.now(dt.UTC) - due < dt.timedelta(seconds=1)
    assert silent(receiver)
    with pytest.raises(MessageNotFoundError):
        sender.cancel_scheduled_messages(numbers[0])


def test_a_repeated_id_is_dropped_within_the_window(links, silent):
    sender, receiver = links.sender("once"), links.receiver("once")
    for i in range(3):
        sender.send_messages(ServiceBusMessage(f"d{i}", message_id="same"))
    sender.send_messages([ServiceBusMessage("e", message_id="e1"), ServiceBusMessage("f", message_id="e1")])
    got = []
    while len(got) < 2:
        for message in receiver.receive_messages(10):
            got.append(str(message))
            receiver.complete_message(message)
    assert got == ["d0", "e"]
    assert silent(receiver)
    time.sleep(2)
    sender.send_messages(ServiceBusMessage("again", message_id="same"))
    message = one(receiver)
    assert str(message) == "again"
    receiver.complete_message(message)


def test_an_expired_message_is_dead_lettered_where_the_queue_says_so(links):
    links.sender("mortal").send_messages(ServiceBusMessage("old"))
    dead = links.dead_letters("mortal")
    letter = one(dead)
    assert letter.dead_letter_reason == "TTLExpiredException"
    dead.complete_message(letter)


def test_an_expired_message_is_gone_where_the_queue_says_nothing(links, silent):
    receiver = links.receiver("brief")
    links.sender("brief").send_messages(ServiceBusMessage("brief", time_to_live=dt.timedelta(seconds=1)))
    assert len(receiver.peek_messages(1, sequence_number=1)) == 1
    time.sleep(1.05)
    assert receiver.peek_messages(1, sequence_number=1) == []
    assert silent(receiver)


def test_receive_and_delete_takes_at_once(links, silent):
    receiver = links.receiver("bystander", receive_mode="receiveanddelete")
    links.sender("bystander").send_messages([ServiceBusMessage(f"rd{i}") for i in range(3)])
    got = []
    while len(got) < 3:
        got += map(str, receiver.receive_messages(3))
    assert got == ["rd0", "rd1", "rd2"]
    assert silent(receiver)


def test_prefetched_messages_go_back_uncounted_when_a_receiver_closes(links):
    links.sender("work").send_messages([ServiceBusMessage(f"pf{i}") for i in range(10)])
    with links.client.get_queue_receiver("work", prefetch_count=5, max_wait_time=2) as greedy:
        greedy.complete_message(one(greedy))
    receiver, counts = links.receiver("work"), []
    while len(counts) < 9:
        messages = receiver.receive_messages(20)
        assert messages
        for message in messages:
            counts.append(message.delivery_count)
            receiver.complete_message(message)
    assert counts == [0] * 9


def test_two_receivers_share_a_queue(links):
    first, second = links.receiver("work"), links.receiver("work", prefetch_count=0)
    links.sender("work").send_messages([ServiceBusMessage(f"c{i}") for i in range(10)])
    seen = []
    for receiver in (first, second) * 5:
        for message in receiver.receive_messages(5, max_wait_time=0.3):
            seen.append(str(message))
            receiver.complete_message(message)
    assert sorted(seen) == [f"c{i}" for i in range(10)]


def test_an_entity_that_does_not_exist_is_named_as_such(links):
    with pytest.raises(MessagingEntityNotFoundError), links.client.get_queue_sender("nowhere"):
        pass
    with pytest.raises(MessagingEntityNotFoundError), links.client.get_subscription_receiver("events", "nobody"):
        pass


def test_what_is_not_emulated_says_so(links):
    with pytest.raises(ServiceBusError, match="not-implemented"):
        links.client.get_queue_receiver("work", session_id="s").__enter__()


def test_a_topic_gives_every_subscription_its_own_copy_once(links):
    sender = links.topic_sender("events")
    first, second = links.subscription("events", "first"), links.subscription("events", "second")
    sender.send_messages([ServiceBusMessage(f"t{i}", message_id=f"t{i}") for i in range(3)])
    sender.send_messages(ServiceBusMessage("t0", message_id="t0"))
    for receiver in (first, second):
        got = []
        while len(got) < 3:
            for message in receiver.receive_messages(10):
                got.append(str(message))
                receiver.complete_message(message)
        assert got == ["t0", "t1", "t2"]
        assert receiver.receive_messages(1, max_wait_time=0.3) == []


def test_a_subscription_has_its_own_dead_letters(links):
    first, second = links.subscription("events", "first"), links.subscription("events", "second")
    dead = links.subscription("events", "first", sub_queue="deadletter")
    links.topic_sender("events").send_messages(ServiceBusMessage("td"))
    first.dead_letter_message(one(first), reason="r")
    second.complete_message(one(second))
    letter = one(dead)
    assert letter.dead_letter_reason == "r"
    dead.complete_message(letter)


def test_a_message_scheduled_on_a_topic_reaches_its_subscriptions_when_due(links):
    links.topic_sender("events").schedule_messages(ServiceBusMessage("ts"), soon(0.4))
    for name in ("first", "second"):
        receiver = links.subscription("events", name)
        receiver.complete_message(one(receiver))


def test_every_send_delivery_and_settlement_is_counted(links, traffic):
    receiver, dead = links.receiver("counted"), links.dead_letters("counted")
    traffic.clear()
    links.sender("counted").send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
    receiver.complete_message(one(receiver))
    receiver.abandon_message(one(receiver))
    receiver.dead_letter_message(one(receiver))
    dead.complete_message(one(dead))
    assert sorted(traffic) == sorted(
        [("SEND", "counted", 202)] * 2
        + [("RECEIVE", "counted", 200)] * 3
        + [("COMPLETE", "counted", 200), ("ABANDON", "counted", 200), ("DEADLETTER", "counted", 200)]
        + [("RECEIVE", "counted/$deadletterqueue", 200), ("COMPLETE", "counted/$deadletterqueue", 200)]
    )
