"""Values to AMQP 1.0 bytes (OASIS AMQP 1.0, part 1: types); `decoding` is the way back.

Encoding goes by Python type, so a number whose width matters on the wire is wrapped first (`uint`, `ulong`, `timestamp`,
…): the wrapper is already-encoded bytes (`Encoded`), which `encode` passes through. Values that are only stored and handed
on (annotations, application properties) stay `Encoded` from end to end and survive byte for byte.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Symbol(str):
    """An AMQP symbol: ASCII text from a limited domain, distinct from a string on the wire."""

    __slots__ = ()


class Encoded(bytes):
    """A value that is in its wire form already."""


class Described(NamedTuple):
    descriptor: Any
    value: Any


_UINT32 = struct.Struct(">I")
_TWO_UINT32 = struct.Struct(">II")


def _fixed(code: int, layout: str) -> Callable[[int], Encoded]:
    packer = struct.Struct(">B" + layout)
    return lambda value: Encoded(packer.pack(code, value))


ubyte = _fixed(0x50, "B")
ushort = _fixed(0x60, "H")
uint = _fixed(0x70, "I")
ulong = _fixed(0x80, "Q")
int32 = _fixed(0x71, "i")
int64 = _fixed(0x81, "q")
timestamp = _fixed(0x83, "q")  # milliseconds since 1970


def _sized(short: int, long: int, content: bytes) -> bytes:
    if len(content) < 256:
        return bytes((short, len(content))) + content
    return bytes((long,)) + _UINT32.pack(len(content)) + content


def _encode_list(value: list[Any]) -> bytes:
    content = b"".join(map(encode, value))
    if not value:
        return b"\x45"
    if len(content) < 255 and len(value) < 256:
        return bytes((0xC0, len(content) + 1, len(value))) + content
    return b"\xd0" + _TWO_UINT32.pack(len(content) + 4, len(value)) + content


def _encode_map(value: dict[Any, Any]) -> bytes:
    content = b"".join(encode(part) for pair in value.items() for part in pair)
    return b"\xd1" + _TWO_UINT32.pack(len(content) + 4, 2 * len(value)) + content


_ENCODERS: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    Encoded: lambda value: value,
    bool: lambda value: b"\x41" if value else b"\x42",
    Symbol: lambda value: _sized(0xA3, 0xB3, value.encode("ascii")),
    str: lambda value: _sized(0xA1, 0xB1, value.encode()),
    bytes: lambda value: _sized(0xA0, 0xB0, value),
    int: int64,
    float: lambda value: b"\x82" + struct.pack(">d", value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    list: _encode_list,
    dict: _encode_map,
}


def encode(value: Any) -> bytes:
    """The wire form of a value. Raises `TypeError` for a type that AMQP has no counterpart for."""
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"no AMQP type for {type(value).__name__}")
    return encoder(value)


def array(elements: Sequence[Encoded]) -> Encoded:
    """An array of values that share one constructor."""
    if not elements:
        return Encoded(b"\xf0" + struct.pack(">IIB", 5, 0, 0x40))
    content = elements[0][:1] + b"".join(element[1:] for element in elements)
    return Encoded(b"\xf0" + _TWO_UINT32.pack(len(content) + 4, len(elements)) + content)


def described(code: int, value: Any) -> Encoded:
    """A value with a numeric descriptor below 256 (all performatives, sections and outcomes)."""
    return Encoded(bytes((0x00, 0x53, code)) + encode(value))
