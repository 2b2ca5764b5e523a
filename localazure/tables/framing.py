"""Where HTTP/1.1 messages begin and end in a stream of bytes (RFC 9112), without changing a byte.

`Framing.feed` cuts what has come into heads, parts of bodies and ends. Bodies are told by Content-Length, by chunks, or by
the end of the connection. What is neither raises `Malformed`; nothing after it can be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

_HEAD_LIMIT = 64 * 1024
_LINE_LIMIT = 8 * 1024
_NOTHING, _UNTIL_CLOSED = 0, -1
_BODILESS = frozenset({204, 304})


class Malformed(ValueError):
    """Bytes that are no HTTP/1.1."""


class Head(NamedTuple):
    """`raw` includes the empty line; `words` are the three of the first line; `folded` is `raw` in lower case."""

    raw: bytes
    words: tuple[str, str, str]
    folded: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, in lower case; empty where there is none. `name` is in lower case."""
        at = self.folded.find(b"\r\n" + name + b":")
        if at < 0:
            return b""
        start = at + len(name) + 3
        return self.folded[start : self.folded.find(b"\r\n", start)].strip()

    @property
    def keeps(self) -> bool:
        """Whether the connection outlives the message."""
        version = self.words[0] if self.words[0].startswith("HTTP/") else self.words[2]
        connection = self.header(b"connection")
        return b"keep-alive" in connection if version == "HTTP/1.0" else b"close" not in connection


class End(Enum):
    """A message is over."""

    OF_MESSAGE = 1


Piece = Head | bytes | End
Length = Callable[[Head], int | None]  # bytes of the body, `_UNTIL_CLOSED`, or None for a body in chunks


def request_length(head: Head) -> int | None:
    """How long the body of a request is. Raises `Malformed`."""
    return _declared(head, _NOTHING)


def response_length(head: Head, method: str) -> int | None:
    """How long the body of an answer to `method` is. Raises `Malformed`."""
    if method == "HEAD" or status(head) in _BODILESS or is_interim(head):
        return _NOTHING
    return _declared(head, _UNTIL_CLOSED)


def status(head: Head) -> int:
    return int(head.words[1])


def is_interim(head: Head) -> bool:
    """Whether the answer itself is still to come (1xx)."""
    return head.words[1].startswith("1")


def _declared(head: Head, otherwise: int) -> int | None:
    if b"chunked" in head.header(b"transfer-encoding"):
        return None
    length = head.header(b"content-length")
    if not length:
        return otherwise
    if not length.isdigit():
        raise Malformed(f"Content-Length: {length!r}")
    return int(length)


class Framing:
    """One direction of a connection; `length` says how long the body after a head is."""

    def __init__(self, length: Length) -> None:
        self._length = length
        self._begun = b""  # of a head
        self._body: _Counted | _Chunked | None = None

    @property
    def ends_with_connection(self) -> bool:
        """Whether the message under way is over when the connection is."""
        return isinstance(self._body, _Counted) and self._body.left == _UNTIL_CLOSED

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces in what has come so far. Raises `Malformed`."""
        while data:
            if self._body is None:
                head, data = self._head(data)
                if head is None:
                    return
                self._body = _body(self._length(head))
                yield head
            else:
                size = self._body.take(data)
                yield data[:size]
                data = data[size:]
            if self._body.done:
                self._body = None
                yield End.OF_MESSAGE

    def _head(self, data: bytes) -> tuple[Head | None, bytes]:
        """The next head, once it is whole, and what comes after it."""
        data = self._begun + data
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(data) > _HEAD_LIMIT:
                raise Malformed("a head without an end")
            self._begun = data
            return None, b""
        self._begun = b""
        return _parsed(data[:end]), data[end:]


def _parsed(raw: bytes) -> Head:
    words = raw[: raw.find(b"\r\n")].decode("latin-1").split(" ", 2)
    if len(words) < 3:  # method, target, version; or version, status, reason
        raise Malformed(" ".join(words))
    return Head(raw, (words[0], words[1], words[2]), raw.lower())


def _body(length: int | None) -> _Counted | _Chunked:
    return _Chunked() if length is None else _Counted(length)


class _Counted:
    """A body of so many bytes, or of all that come."""

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def done(self) -> bool:
        return self.left == _NOTHING

    def take(self, data: bytes) -> int:
        """How many bytes of `data` belong to the body."""
        if self.left == _UNTIL_CLOSED:
            return len(data)
        size = min(self.left, len(data))
        self.left -= size
        return size


class _Chunked:
    """A body in chunks: lines with a size, so many bytes, a last chunk of none, trailers, an empty line."""

    def __init__(self) -> None:
        self.done = False
        self._line, self._left, self._trailing = b"", 0, False

    def take(self, data: bytes) -> int:
        """How many bytes of `data` belong to the body. Raises `Malformed`."""
        at = 0
        while at < len(data) and not self.done:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1
            self._line += data[at : end or len(data)]
            at = end or len(data)
            if len(self._line) > _LINE_LIMIT:
                raise Malformed("a chunk without a size")
            if end:
                self._end_line()
        return at

    def _end_line(self) -> None:
        line, self._line = self._line.strip(), b""
        if self._trailing:
            self.done = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Malformed(f"size of a chunk: {line!r}") from None
        self._left = size + 2 if size else 0  # with the line's end after the bytes
        self._trailing = not size
