"""One HTTP/1.x answer, read from bytes as they come: strict, bounded, without a second look at anything.

Ambiguous framing (two lengths, a length beside chunks, folded headers) is an error and not a guess. The body is read only
when its reader wants it; more than `max_body` bytes of it are never kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto

from shared.runtime.health.exchange import BadAnswer

MAX_HEAD = 16 * 1024
MAX_CHUNK_LINE = 256
MAX_INTERIM = 4  # 1xx answers before the real one

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_LENGTH = re.compile(rb"[0-9]{1,15}")

NO_CONTENT = (204, 304)


class _State(Enum):
    HEAD = auto()
    LENGTH = auto()
    UNTIL_CLOSE = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    DONE = auto()


class Answer:
    """A `Talk` that only listens.

    Args:
        max_body: bytes of the decoded body.
        wants_body: asked once, with the status; when it says no, the answer is done with its head.
    """

    def __init__(self, max_body: int, wants_body: Callable[[int], bool]) -> None:
        self.status = 0
        self.body = bytearray()
        self._max_body = max_body
        self._wants_body = wants_body
        self._buffer = bytearray()
        self._state = _State.HEAD
        self._left = 0  # bytes of the body, or of the chunk, still to come
        self._interim = 0

    @property
    def done(self) -> bool:
        return self._state is _State.DONE

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        while not self.done and _STEPS[self._state](self):
            pass
        return b""

    def end(self) -> None:
        if self._state is _State.UNTIL_CLOSE:
            self._state = _State.DONE
        if not self.done:
            raise BadAnswer("disconnected")

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 and len(self._buffer) <= MAX_HEAD:
            return False
        if not 0 <= end <= MAX_HEAD:
            raise BadAnswer("bad-response")
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        first = _STATUS_LINE.fullmatch(lines[0])
        if first is None:
            raise BadAnswer("bad-response")
        self.status = int(first[1])
        if self.status >= 200:
            self._begin_body(_framing(lines[1:]))
            return True
        self._interim += 1
        if self.status == 101 or self._interim > MAX_INTERIM:
            raise BadAnswer("bad-response")
        return True

    def _begin_body(self, framing: tuple[bool, int | None]) -> None:
        chunked, length = framing
        if not self._wants_body(self.status) or self.status in NO_CONTENT or length == 0:
            self._state = _State.DONE
        elif chunked:
            self._state = _State.CHUNK_SIZE
        elif length is None:
            self._state = _State.UNTIL_CLOSE
        else:
            self._expect(length)
            self._state = _State.LENGTH

    def _expect(self, length: int) -> None:
        if len(self.body) + length > self._max_body:
            raise BadAnswer("too-large")
        self._left = length

    def _take(self) -> bool:
        """Move what belongs to the body; whether all of it is here."""
        part = self._buffer[: self._left]
        self.body += part
        del self._buffer[: len(part)]
        self._left -= len(part)
        return self._left == 0

    def _length(self) -> bool:
        if self._take():
            self._state = _State.DONE
        return False

    def _until_close(self) -> bool:
        self._expect(len(self._buffer))
        self._take()
        return False

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > MAX_CHUNK_LINE or (end < 0 and len(self._buffer) > MAX_CHUNK_LINE):
            raise BadAnswer("bad-response")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise BadAnswer("bad-response")
        self._expect(int(size[1], 16))
        self._state = _State.CHUNK if self._left else _State.TRAILER
        return True

    def _chunk(self) -> bool:
        if not self._take():
            return False
        self._state = _State.CHUNK_END
        return True

    def _chunk_end(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise BadAnswer("bad-response")
        del self._buffer[:2]
        self._state = _State.CHUNK_SIZE
        return True

    def _trailer(self) -> bool:
        # What follows the last chunk adds nothing to the body; the connection ends with this answer.
        self._state = _State.DONE
        return False


_STEPS: dict[_State, Callable[[Answer], bool]] = {
    _State.HEAD: Answer._head,
    _State.LENGTH: Answer._length,
    _State.UNTIL_CLOSE: Answer._until_close,
    _State.CHUNK_SIZE: Answer._chunk_size,
    _State.CHUNK: Answer._chunk,
    _State.CHUNK_END: Answer._chunk_end,
    _State.TRAILER: Answer._trailer,
}


def _framing(lines: list[bytes]) -> tuple[bool, int | None]:
    """(chunked, length) of a body, by its headers; RFC 9112 §6.3."""
    lengths, codings = set(), []
    for name, value in _headers(lines):
        if name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
    if len(lengths) > 1 or (lengths and codings) or codings not in ([], [b"chunked"]):
        raise BadAnswer("bad-response")
    if not lengths:
        return bool(codings), None
    (length,) = lengths
    if _LENGTH.fullmatch(length) is None:
        raise BadAnswer("bad-response")
    return False, int(length)


def _headers(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise BadAnswer("bad-response")
        yield header[1].lower(), header[2]
