"""AMQP values to bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from localazure.service_bus.decoding import MALFORMED, decode, sections, skip
from localazure.service_bus.encoding import Described, Symbol, array, described, encode, timestamp, uint
from localazure.service_bus.message import Message

scalars = (
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.floats(allow_nan=False)
    | some.text(max_size=300)
    | some.binary(max_size=300)
    | some.uuids()
    | some.text(some.characters(codec="ascii"), max_size=300).map(Symbol)
)
values = some.recursive(
    scalars,
    lambda inner: some.lists(inner, max_size=300) | some.dictionaries(some.text(max_size=5), inner, max_size=8),
    max_leaves=60,
)


@given(values)
def test_a_value_survives_the_wire_and_is_skipped_whole(value):
    wire = encode(value) + b"after"
    assert decode(wire) == (value, len(wire) - 5)
    assert skip(wire, 0) == len(wire) - 5


@given(some.binary(max_size=64))
def test_any_bytes_decode_or_are_malformed(raw):
    try:
        decode(raw)
        list(sections(raw))
        Message.parse(raw)
    except MALFORMED:
        pass


def test_described_values_and_arrays_keep_their_parts():
    assert decode(described(0x24, [1, "x"]))[0] == Described(0x24, [1, "x"])
    assert decode(array([uint(1), uint(2)]))[0] == [1, 2]
    assert decode(array([]))[0] == []
    assert decode(timestamp(1_700_000_000_000))[0] == 1_700_000_000_000


def test_a_type_amqp_does_not_know_is_an_error():
    with pytest.raises(TypeError):
        encode(object())


def test_properties_added_to_a_message_leave_the_rest_as_it_was():
    body = described(0x75, b"body")
    message = Message.parse(described(0x73, ["id"]) + described(0x74, {"a": 1}) + body)
    changed = message.with_properties({"b": "2", "c": None})
    assert {key: decode(value)[0] for key, value in changed.application_properties.items()} == {"a": 1, "b": "2"}
    assert changed.message_id == "id"
    assert changed.bare.endswith(body)
    assert Message.parse(body).with_properties({"b": 1}).bare.endswith(body)


def test_a_message_survives_the_journal():
    message = Message.parse(described(0x72, {Symbol("x-opt-partition-key"): "pk"}) + described(0x75, b"\x00\xff"))
    message.sequence, message.delivery_count, message.deferred = 7, 2, True
    restored = Message.restored(message.document())
    assert vars(restored) == vars(message)
