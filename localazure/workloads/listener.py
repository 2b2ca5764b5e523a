"""The HTTP/1.1 server of one replica: an asyncio protocol without a framework, so that hundreds of replicas are cheap.

Answers GET and HEAD of any path, keeps connections alive, and answers pipelined requests in their order, one at a time. A
request it cannot read, or one with a body, is answered and the connection closed: nothing of a body is ever taken for a
request. A client that goes away while an answer is being delayed costs nothing. Who opens with HTTP/2's preface is served
gRPC health instead (`grpc_health`).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

from localazure.workloads.grpc_health import PREFACE, GrpcHealth, Responder
from localazure.workloads.health import Answer

HEAD_LIMIT = 16 * 1024  # bytes of request line and headers


class Connection(asyncio.Protocol):
    def __init__(self, respond: Responder, connections: set[Connection]) -> None:
        self._respond = respond
        self._connections = connections
        self._buffer = b""
        self._delayed: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._grpc: GrpcHealth | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        if self._delayed is not None:
            self._delayed.cancel()
        if self._grpc is not None:
            self._grpc.lost()

    def close(self) -> None:
        """Cut the connection at once, as the end of a process does."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._grpc is not None:
            return self._grpc.feed(data)
        self._buffer += data
        if self._buffer.startswith(PREFACE) and self._transport is not None:
            self._grpc = GrpcHealth(self._respond, self._transport.write, self._transport.close)
            return self._grpc.feed(self._buffer)
        return self._serve()

    def _serve(self) -> None:
        while self._delayed is None and self._transport is not None and not self._transport.is_closing():
            head, ended, rest = self._buffer.partition(b"\r\n\r\n")
            if not ended:
                if len(self._buffer) > HEAD_LIMIT:
                    self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
            self._buffer = rest
            self._take(head)

    def _take(self, head: bytes) -> None:
        request, _, headers = head.decode("latin-1").partition("\r\n")
        parts = request.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return self._refuse(HTTPStatus.BAD_REQUEST)
        if parts[0] not in ("GET", "HEAD"):
            return self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        fields = _fields(headers)
        last = (
            fields.get("connection", "").lower() == "close"
            or parts[2] == "HTTP/1.0"
            or "transfer-encoding" in fields
            or fields.get("content-length", "0") != "0"
        )
        answer, delay = self._respond()
        if delay <= 0:
            return self._write(answer, with_body=parts[0] == "GET", last=last)
        loop = asyncio.get_running_loop()
        self._delayed = loop.call_later(delay, self._resume, answer, parts[0] == "GET", last)
        return None

    def _resume(self, answer: Answer, with_body: bool, last: bool) -> None:
        self._delayed = None
        self._write(answer, with_body=with_body, last=last)
        self._serve()

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self._write(Answer(status, headers=headers or {}), with_body=True, last=True)

    def _write(self, answer: Answer, *, with_body: bool, last: bool) -> None:
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {answer.status} {_phrase(answer.status)}", f"Content-Length: {len(answer.body)}"]
        if answer.body:
            head.append(f"Content-Type: {answer.content_type}")
        head.extend(f"{name}: {value}" for name, value in answer.headers.items())
        if last:
            head.append("Connection: close")
        self._transport.write("\r\n".join([*head, "", ""]).encode("latin-1", "replace"))
        if with_body and answer.body:
            self._transport.write(answer.body)
        if last:
            self._transport.close()


def _fields(headers: str) -> dict[str, str]:
    lines = (line.partition(":") for line in headers.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"  # a rule may ask for any number
