"""`grpc.health.v1.Health/Check` as one exchange: the health of the whole server, asked in HTTP/2 without a channel.

A channel resolves, retries, keeps connections and looks for proxies by itself; the guard wants to connect where it was
checked and nowhere else. So the frames are ours (h2, which the app has for its Kubernetes client) and the connection is
the prober's. Messages are the published ones (`grpc_health`).

    Healthy     SERVING
    Unhealthy   NOT_SERVING, any other status of the call, any other status of HTTP
    Unknown     UNKNOWN, SERVICE_UNKNOWN, UNIMPLEMENTED, a redirect, what is no gRPC answer: it does not tell how it is
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.runtime.health.document import HealthStatus, Verdict
from shared.runtime.health.exchange import BadAnswer

if TYPE_CHECKING:
    from h2.connection import H2Connection
    from h2.events import Event

METHOD = "/grpc.health.v1.Health/Check"
ALPN = "h2"
STREAM = 1
EMPTY = b"\x00\x00\x00\x00\x00"  # not compressed, no bytes: `service` is "", the server as a whole
SETTINGS = b"\x04"  # type of the frame that HTTP/2 begins with: the fourth byte (RFC 9113 §3.4)
PREFIX = 5  # bytes before a message
UNIMPLEMENTED = 12  # grpc status codes
OK = 0

_SERVING: dict[int, Verdict] = {
    0: Verdict(HealthStatus.UNKNOWN, detail="grpc-unknown"),
    1: Verdict(HealthStatus.HEALTHY),
    2: Verdict(HealthStatus.UNHEALTHY, detail="not-serving"),
    3: Verdict(HealthStatus.UNKNOWN, detail="grpc-service-unknown"),
}


class GrpcCheck:
    """A `Talk`. `authority` as the URL has it; more than `max_bytes` are never taken."""

    def __init__(self, authority: str, *, secure: bool, max_bytes: int) -> None:
        self._connection = _connection()
        self._left = max_bytes
        self._began = b""
        self._fields: dict[bytes, bytes] = {}  # of the headers, then of the trailers
        self._message = bytearray()
        self.done = False
        self.opening = self._open(authority, "https" if secure else "http")

    def _open(self, authority: str, scheme: str) -> bytes:
        request = [(":method", "POST"), (":scheme", scheme), (":path", METHOD), (":authority", authority)]
        headers = [("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "connectsoft-runtime-prober")]
        self._connection.initiate_connection()
        self._connection.send_headers(STREAM, [*request, *headers])
        self._connection.send_data(STREAM, EMPTY, end_stream=True)
        return self._connection.data_to_send()

    def feed(self, data: bytes) -> bytes:
        from h2.exceptions import H2Error

        self._left -= len(data)
        if self._left < 0:
            raise BadAnswer("too-large")
        self._began = self._began or data[:4]
        if self._began[3:] not in (b"", SETTINGS):  # h2 would wait for the rest of an enormous frame
            raise BadAnswer("bad-response")
        try:
            for event in self._connection.receive_data(data):
                self._take(event)
        except H2Error:
            raise BadAnswer("bad-response") from None
        return self._connection.data_to_send()

    def end(self) -> None:
        if not self.done:
            raise BadAnswer("disconnected")

    def _take(self, event: Event) -> None:
        from h2 import events

        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self._fields |= {bytes(name): bytes(value) for name, value in event.headers or ()}
        elif isinstance(event, events.DataReceived):
            self._message += event.data or b""
        elif isinstance(event, events.StreamEnded):
            self.done = True
        elif isinstance(event, events.StreamReset | events.ConnectionTerminated) and not self.done:
            raise BadAnswer("disconnected")

    def verdict(self) -> Verdict:
        """What the answer means. Raises `BadAnswer` when it is none."""
        http_status = _number(self._fields.get(b":status"))
        if 300 <= http_status < 400:
            return Verdict(HealthStatus.UNKNOWN, detail="redirect")
        if http_status != 200:
            return Verdict(HealthStatus.UNHEALTHY, detail=f"http-{http_status}")
        if not self._fields.get(b"content-type", b"").startswith(b"application/grpc"):
            return Verdict(HealthStatus.UNKNOWN, detail="not-grpc")
        code = _number(self._fields.get(b"grpc-status"))
        if code == OK:
            return _SERVING.get(_serving(bytes(self._message)), _SERVING[0])
        status = HealthStatus.UNKNOWN if code == UNIMPLEMENTED else HealthStatus.UNHEALTHY
        return Verdict(status, detail=f"grpc-{code}")


def _connection() -> H2Connection:
    from h2.config import H2Configuration
    from h2.connection import H2Connection

    return H2Connection(H2Configuration(client_side=True))


def _number(value: bytes | None) -> int:
    if value is None or not value.isdigit() or len(value) > 3:
        raise BadAnswer("bad-response")
    return int(value)


def _serving(message: bytes) -> int:
    """The one word of a `HealthCheckResponse`. Raises `BadAnswer` for anything but one message that is not compressed."""
    from google.protobuf.message import DecodeError
    from grpc_health.v1.health_pb2 import HealthCheckResponse

    if message[:1] != b"\x00" or int.from_bytes(message[1:PREFIX], "big") != len(message) - PREFIX:
        raise BadAnswer("bad-response")
    try:
        return int(HealthCheckResponse.FromString(message[PREFIX:]).status)
    except DecodeError:
        raise BadAnswer("bad-response") from None
