"""The performatives of AMQP 1.0 (part 2: transport) and how frames are cut out of a byte stream.

Fields a peer leaves out at the end of a performative are null; `read` fills them in. Only what the broker looks at has a
name here. A frame larger than `MAX_FRAME`, which is announced in our open, ends the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_type_hints

from localazure.service_bus.decoding import decode
from localazure.service_bus.encoding import Described, Encoded, Symbol, described

MAX_FRAME = 65536
MAX_MESSAGE = 256 * 1024  # bytes; the Standard tier's limit
WINDOW = 1 << 20  # transfers a session may have on the way
_HEADER = struct.Struct(">IBBH")
_PROTOCOL = b"AMQP"
AMQP_FRAME, SASL_FRAME = 0, 1
SASL_PROTOCOL = 3


class Code(IntEnum):
    OPEN = 0x10
    BEGIN = 0x11
    ATTACH = 0x12
    FLOW = 0x13
    TRANSFER = 0x14
    DISPOSITION = 0x15
    DETACH = 0x16
    END = 0x17
    CLOSE = 0x18


SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27
INTERNAL_ERROR, UNABLE = "amqp:internal-error", "The server was unable to process the request."


class Open(NamedTuple):
    container_id: str
    hostname: str | None
    max_frame_size: int | None
    channel_max: int | None
    idle_time_out: int | None  # milliseconds


class Begin(NamedTuple):
    remote_channel: int | None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int


class Attach(NamedTuple):
    name: str
    handle: int
    role: bool  # the peer receives
    snd_settle_mode: int | None
    rcv_settle_mode: int | None
    source: Described | None
    target: Described | None
    unsettled: Any
    incomplete_unsettled: Any
    initial_delivery_count: int | None


class Flow(NamedTuple):
    next_incoming_id: int | None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None
    delivery_count: int | None
    link_credit: int | None
    available: int | None
    drain: bool | None
    echo: bool | None


class Transfer(NamedTuple):
    handle: int
    delivery_id: int | None
    delivery_tag: bytes | None
    message_format: int | None
    settled: bool | None
    more: bool | None


class Disposition(NamedTuple):
    role: bool
    first: int
    last: int | None
    settled: bool | None
    state: Described | None


class Detach(NamedTuple):
    handle: int
    closed: bool | None


Shape = TypeVar("Shape", bound=tuple[Any, ...])


@cache
def _mandatory(shape: type[Any]) -> tuple[bool, ...]:
    return tuple(hint in (str, int, bool) for hint in get_type_hints(shape).values())


def read(shape: type[Shape], fields: list[Any]) -> Shape:
    """The fields of a performative by name. Raises `ValueError` when one that cannot be null is."""
    mandatory = _mandatory(shape)
    padded = (fields + [None] * len(mandatory))[: len(mandatory)]
    if any(needed and value is None for needed, value in zip(mandatory, padded, strict=True)):
        raise ValueError(f"{shape.__name__} without a mandatory field")
    return shape(*padded)


def error(condition: str, description: str) -> Encoded:
    return described(0x1D, [Symbol(condition), description, None])  # the client indexes all three


def address(terminus: Described | None) -> str:
    """The node a source or target names; empty for none."""
    fields = terminus.value if terminus else None
    return str(fields[0]) if fields and fields[0] is not None else ""


class Frame(NamedTuple):
    kind: int
    channel: int
    code: int
    fields: list[Any]
    payload: bytes


class ProtocolHeader(NamedTuple):
    """`AMQP` + protocol id + version: asks for SASL (3) or AMQP proper (0)."""

    raw: bytes


def frame(channel: int, performative: bytes, payload: bytes = b"", kind: int = AMQP_FRAME) -> bytes:
    """One frame; an empty performative makes a heartbeat."""
    return _HEADER.pack(len(performative) + len(payload) + 8, 2, kind, channel) + performative + payload


class FrameReader:
    """Cuts a byte stream into frames and protocol headers. Heartbeats are swallowed."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | ProtocolHeader]:
        """What has become whole with `data`. Raises `ValueError` on a frame that cannot be right."""
        self._buffer += data
        while len(self._buffer) >= 8:
            if self._buffer[:4] == _PROTOCOL:
                yield ProtocolHeader(self._cut(8))
                continue
            size, offset, kind, channel = _HEADER.unpack_from(self._buffer)
            if not 8 <= size <= MAX_FRAME or not 2 <= offset <= size // 4:
                raise ValueError(f"a frame of {size} bytes")
            if len(self._buffer) < size:
                return
            raw = self._cut(size)
            if size > offset * 4:
                (descriptor, fields), end = decode(raw, offset * 4)
                yield Frame(kind, channel, int(descriptor), fields, raw[end:])

    def _cut(self, size: int) -> bytes:
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        return raw
