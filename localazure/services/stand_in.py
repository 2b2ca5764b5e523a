"""One HTTP stand-in: an ASGI application behind a listener that can be closed and opened again.

Stopping is what a crash of the service looks like from outside: the port refuses and open connections are cut in the
middle of whatever they carried; requests already inside the application run to their end unseen. uvicorn serves; its
signal handling and graceful shutdown are left out, since this process has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localazure.control.faults import Faults, Mode, stall
from localazure.control.traffic import Traffic
from localazure.layout import LOOPBACK

_BIND_PATIENCE_SECONDS = 5.0  # a connection made by somebody else may hold our port for a moment after a crash
_HEADERS_REFRESH_SECONDS = 1.0
_BACKLOG = 2048
_CLIENT_WENT = 499


ErrorShape = Callable[[int], tuple[dict[str, str], bytes]]  # status → headers and body, as the service itself answers


@dataclass(frozen=True)
class Tls:
    certificate: Path
    key: Path


class HttpStandIn:
    """`app` on 127.0.0.1:`port`, in TLS where a certificate is given."""

    def __init__(self, app: ASGIApp, port: int, tls: Tls | None = None) -> None:
        self._app = app
        self._port = port
        self._tls = tls
        self._server: uvicorn.Server | None = None
        self._clock: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls,
        name: str,
        app: ASGIApp,
        port: int,
        error: ErrorShape,
        faults: Faults,
        traffic: Traffic,
        tls: Tls | None = None,
    ) -> HttpStandIn:
        """A dependency of the platform: under `name`, every answer is counted and every fault strikes."""
        stand_in = cls(observed(name, faulty(name, app, faults, error), traffic), port, tls)
        faults.register(name, stand_in)
        return stand_in

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{LOOPBACK}:{self._port}"

    async def start(self) -> None:
        """Listen. Idempotent. Raises `OSError` when the port stays taken."""
        if self._server is not None:
            return
        held = await _bind(self._port)
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            access_log=False,
            log_config=None,
            ws="none",
            ssl_certfile=str(self._tls.certificate) if self._tls else None,
            ssl_keyfile=str(self._tls.key) if self._tls else None,
        )
        config.load()
        server = self._server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.on_tick(0)
        await server.startup(sockets=[held])
        self._clock = asyncio.create_task(_keep_date(server))

    async def stop(self) -> None:
        """Refuse connections and cut the open ones, at once. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        if self._clock is not None:
            self._clock.cancel()
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()


def observed(name: str, app: ASGIApp, traffic: Traffic) -> ASGIApp:
    """The application, with every answer counted."""

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        status = _CLIENT_WENT

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            traffic.count(name, scope["method"], scope["path"], status)

    return counting


def faulty(name: str, app: ASGIApp, faults: Faults, error: ErrorShape) -> ASGIApp:
    """The application, except where a fault strikes."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        fault = faults.strike(name)
        if fault is not None and fault.mode is Mode.SLOW:
            await stall(fault)
        if fault is not None and fault.mode is Mode.ERROR:
            await _answer(send, 500, *error(500))
            return
        await app(scope, receive, send)

    return failing


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _bind(port: int) -> socket.socket:
    """A listening socket on loopback; waits a little for a port that is about to become free."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BIND_PATIENCE_SECONDS
    while True:
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((LOOPBACK, port))
            held.listen(_BACKLOG)
            held.setblocking(False)
            return held
        except OSError:
            held.close()
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _keep_date(server: uvicorn.Server) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_HEADERS_REFRESH_SECONDS)
            await server.on_tick(0)
