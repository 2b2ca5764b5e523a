"""AMQP 1.0 bytes to values, and the walk over a message's sections.

Decoding gives plain Python values; a described value comes back as `Described`. Malformed input raises one of `MALFORMED`;
a connection answers any of them by closing, a request by refusing.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from localazure.service_bus.encoding import Described, Encoded, Symbol

MALFORMED = (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)
_UINT32 = struct.Struct(">I")
_NUMBERS = {
    code: struct.Struct(">" + layout)
    for code, layout in {
        0x50: "B", 0x51: "b", 0x52: "B", 0x53: "B", 0x54: "b", 0x55: "b", 0x60: "H", 0x61: "h", 0x70: "I", 0x71: "i",
        0x72: "f", 0x73: "I", 0x80: "Q", 0x81: "q", 0x82: "d", 0x83: "q",
    }.items()
}  # fmt: skip
_OPAQUE_WIDTH = {0x74: 4, 0x84: 8, 0x94: 16}  # decimals: handed on, never read


def decode(buffer: bytes, at: int = 0) -> tuple[Any, int]:
    """The value that starts at `at`, and where the next one starts."""
    code = buffer[at]
    if code != 0:
        return _decode_body(code, buffer, at + 1)
    descriptor, at = decode(buffer, at + 1)
    value, at = decode(buffer, at)
    return Described(descriptor, value), at


def _decode_body(code: int, buffer: bytes, at: int) -> tuple[Any, int]:
    number = _NUMBERS.get(code)
    if number is not None:
        return number.unpack_from(buffer, at)[0], at + number.size
    family = code >> 4
    if family == 4:
        return _empty(code), at
    if family in (0xA, 0xB):
        return _decode_variable(code, buffer, at)
    if family >= 0xC:
        return _decode_compound(code, buffer, at)
    return _decode_other(code, buffer, at)


def _decode_other(code: int, buffer: bytes, at: int) -> tuple[Any, int]:
    if code == 0x56:
        return buffer[at] == 1, at + 1
    if code == 0x98:
        return uuid.UUID(bytes=bytes(buffer[at : at + 16])), at + 16
    width = _OPAQUE_WIDTH[code]
    return Encoded(bytes((code,)) + buffer[at : at + width]), at + width


def _empty(code: int) -> Any:
    if code == 0x45:
        return []
    return {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}[code]


def _decode_variable(code: int, buffer: bytes, at: int) -> tuple[Any, int]:
    if code < 0xB0:
        size, at = buffer[at], at + 1
    else:
        size, at = _UINT32.unpack_from(buffer, at)[0], at + 4
    content = bytes(buffer[at : at + size])
    if len(content) != size:
        raise ValueError("a value ends after its buffer")
    kind = code & 0x0F
    if kind == 0:
        return content, at + size
    return (content.decode() if kind == 1 else Symbol(content.decode("ascii"))), at + size


def _decode_compound(code: int, buffer: bytes, at: int) -> tuple[Any, int]:
    if code < 0xD0 or code == 0xE0:
        end, count, at = at + 1 + buffer[at], buffer[at + 1], at + 2
    else:
        end, count, at = at + 4 + _UINT32.unpack_from(buffer, at)[0], _UINT32.unpack_from(buffer, at + 4)[0], at + 8
    if end > len(buffer) or count > end - at + 1:
        raise ValueError("a compound value ends after its buffer")
    values = []
    if code in (0xE0, 0xF0):
        element, at = buffer[at], at + 1
        for _ in range(count):
            value, at = _decode_body(element, buffer, at)
            values.append(value)
        return values, end
    for _ in range(count):
        value, at = decode(buffer, at)
        values.append(value)
    if code in (0xC1, 0xD1):
        return dict(zip(values[::2], values[1::2], strict=True)), end
    return values, end


def skip(buffer: bytes, at: int) -> int:
    """Where the value that starts at `at` ends; it is not decoded."""
    code = buffer[at]
    if code == 0:
        return skip(buffer, skip(buffer, at + 1))
    family = code >> 4
    if family < 0xA:
        return at + (0, 0, 0, 0, 1, 2, 3, 5, 9, 17)[family]
    if family in (0xA, 0xC, 0xE):
        return at + 2 + int(buffer[at + 1])
    return at + 5 + int(_UINT32.unpack_from(buffer, at + 1)[0])


class Section(NamedTuple):
    """One section of a message: its descriptor, where it starts, where its value starts, where it ends."""

    code: int
    start: int
    value_at: int
    end: int


def sections(buffer: bytes) -> Iterator[Section]:
    """The sections of a message in their order. Raises `ValueError` when the last one is cut off."""
    at = 0
    while at < len(buffer):
        if buffer[at] != 0:
            raise ValueError("a message section without a descriptor")
        code, value_at = decode(buffer, at + 1)
        end = skip(buffer, value_at)
        if end > len(buffer):
            raise ValueError("a message section ends after its message")
        yield Section(int(code), at, value_at, end)
        at = end


def encoded_map(buffer: bytes, at: int) -> dict[Any, Encoded]:
    """The map at `at` with its values left in wire form."""
    if buffer[at] == 0x40:
        return {}
    short = buffer[at] == 0xC1
    count = buffer[at + 2] if short else _UINT32.unpack_from(buffer, at + 5)[0]
    at += 3 if short else 9
    pairs = {}
    for _ in range(count // 2):
        key, at = decode(buffer, at)
        end = skip(buffer, at)
        pairs[key] = Encoded(buffer[at:end])
        at = end
    return pairs
