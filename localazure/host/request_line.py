"""A forgiving reader of request lines: raw bytes in a target are percent-encoded before the parser sees them.

llhttp, like Kestrel, refuses a target with bytes outside ASCII, and answers before any function is asked. Front ends
encode such bytes on the way, so that a caller who types `ü` into a path meets the app's own answer, in the app's own shape;
without one in front, this is where it happens. Only the first line of a request is touched, and only its target.
"""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20} )([^ \r\n]+)( HTTP/1\.[01]\r\n)")
_RAW = re.compile(rb"[\x00-\x1f\x7f-\xff]")


class ForgivingTargets(HttpToolsProtocol):
    def data_received(self, data: bytes) -> None:
        super().data_received(encoded(data) if self._between_requests() else data)

    def _between_requests(self) -> bool:
        """Whether what comes begins a request: in the middle of one, a body could look like a request line."""
        return self.cycle is None or bool(self.cycle.response_complete)


def encoded(data: bytes) -> bytes:
    """`data` with the target of the request line it begins with percent-encoded; anything else as it is."""
    line = _REQUEST_LINE.match(data)
    if line is None or not _RAW.search(line[2]):
        return data
    target = _RAW.sub(lambda found: b"%%%02X" % found[0][0], line[2])
    return line[1] + target + line[3] + data[line.end() :]
