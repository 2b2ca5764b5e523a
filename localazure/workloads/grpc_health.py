"""grpc.health.v1 on a replica's port: a connection that opens with HTTP/2's preface is answered in gRPC.

What a behaviour says of health is said as SERVING (Healthy, Degraded) or NOT_SERVING; what it says of HTTP (another status,
a redirect, a body that is no document) comes as it is, which is no gRPC answer. Serves `Check` of the whole server; another
service is NOT_FOUND, another method UNIMPLEMENTED, as the health checking protocol has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error

from localazure.workloads.health import Answer

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"  # as much of it as looks like a request's head
CHECK = "/grpc.health.v1.Health/Check"
MESSAGE_LIMIT = 4096  # bytes of a request
OK, INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED = 0, 3, 5, 12
SPOKEN = (200, 503)  # what a health document comes with

# What a replica does when it is asked: the answer and the seconds to wait before it is given.
Responder = Callable[[], tuple[Answer, float]]


class GrpcHealth:
    """One connection. `write` sends bytes, `close` ends it."""

    def __init__(self, respond: Responder, write: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._respond = respond
        self._write = write
        self._close = close
        self._connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[str, bytearray]] = {}  # method and message, by stream
        self._delayed: dict[int, asyncio.TimerHandle] = {}
        self._connection.initiate_connection()
        self._flush()

    def feed(self, data: bytes) -> None:
        try:
            for event in self._connection.receive_data(data):
                self._take(event)
        except H2Error:
            self._flush()  # the GOAWAY that says why
            self._close()
            return
        self._flush()

    def lost(self) -> None:
        """The connection is gone: nobody waits for answers that are being delayed."""
        for timer in self._delayed.values():
            timer.cancel()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            fields = {str(name): str(value) for name, value in event.headers or ()}
            self._requests[event.stream_id or 0] = (fields.get(":path", ""), bytearray())
        elif isinstance(event, DataReceived):
            self._grow(event)
        elif isinstance(event, StreamEnded):
            self._delay(event.stream_id or 0)
        elif isinstance(event, StreamReset):
            self._forget(event.stream_id or 0)
        elif isinstance(event, ConnectionTerminated):
            self._close()

    def _grow(self, event: DataReceived) -> None:
        stream, data = event.stream_id or 0, event.data or b""
        self._connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        _, message = self._requests.get(stream, ("", bytearray()))
        if len(message) + len(data) > MESSAGE_LIMIT:
            self._connection.reset_stream(stream)
            self._forget(stream)
        else:
            message.extend(data)

    def _forget(self, stream: int) -> None:
        self._requests.pop(stream, None)
        if timer := self._delayed.pop(stream, None):
            timer.cancel()

    def _delay(self, stream: int) -> None:
        method, message = self._requests.pop(stream, ("", bytearray()))
        answer, delay = self._respond()
        if delay <= 0:
            return self._answer(stream, method, bytes(message), answer)
        loop = asyncio.get_running_loop()
        self._delayed[stream] = loop.call_later(delay, self._late, stream, method, bytes(message), answer)
        return None

    def _late(self, stream: int, method: str, message: bytes, answer: Answer) -> None:
        del self._delayed[stream]
        self._answer(stream, method, message, answer)
        self._flush()

    def _answer(self, stream: int, method: str, message: bytes, answer: Answer) -> None:
        if answer.status not in SPOKEN or answer.content_type != "application/json":
            return self._plain(stream, answer)
        status = _status(method, message)
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        if status != OK:
            self._connection.send_headers(stream, [*headers, ("grpc-status", str(status))], end_stream=True)
            return None
        word = HealthCheckResponse.SERVING if answer.status == 200 else HealthCheckResponse.NOT_SERVING
        told = HealthCheckResponse(status=word).SerializeToString()
        self._connection.send_headers(stream, headers)
        self._connection.send_data(stream, b"\x00" + len(told).to_bytes(4, "big") + told)
        self._connection.send_headers(stream, [("grpc-status", str(OK))], end_stream=True)
        return None

    def _plain(self, stream: int, answer: Answer) -> None:
        named = [(name.lower(), value) for name, value in answer.headers.items()]
        headers = [(":status", str(answer.status)), ("content-type", answer.content_type), *named]
        self._connection.send_headers(stream, headers, end_stream=not answer.body)
        if answer.body:
            self._connection.send_data(stream, answer.body[:MESSAGE_LIMIT], end_stream=True)

    def _flush(self) -> None:
        if data := self._connection.data_to_send():
            self._write(data)


def _status(method: str, message: bytes) -> int:
    """The status of a call that asks how the server is."""
    if method != CHECK:
        return UNIMPLEMENTED
    if message[:1] != b"\x00" or int.from_bytes(message[1:5], "big") != len(message) - 5:
        return INVALID_ARGUMENT
    try:
        asked = HealthCheckRequest.FromString(message[5:])
    except DecodeError:
        return INVALID_ARGUMENT
    return NOT_FOUND if asked.service else OK
