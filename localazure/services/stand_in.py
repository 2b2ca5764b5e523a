"""One HTTP stand-in: an ASGI application behind a listener that can be closed and opened again.

Stopping is what a crash of the service looks like from outside: the port refuses and open connections are cut in the
middle of whatever they carried; requests already inside the application run to their end unseen. uvicorn serves; its
signal handling and graceful shutdown are left out, since this process has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from localazure.control.faults import Faults
from localazure.control.traffic import Traffic
from localazure.layout import LOOPBACK
from localazure.listener import listening
from localazure.services.dependency import SEVER, Dependency, Shapes

_BIND_PATIENCE_SECONDS = 5.0  # a connection made by somebody else may hold our port for a moment after a crash
_HEADERS_REFRESH_SECONDS = 1.0
_GONE_SECONDS = 1.0
_BACKLOG = 2048


@dataclass(frozen=True)
class Tls:
    certificate: Path
    key: Path


class _Severable(HttpToolsProtocol):
    """Offers the application to end its connection without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        offered: dict[object, object] = {"abort": self.transport.abort}
        self.scope["extensions"] = {SEVER: offered}


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
        shapes: Shapes,
        faults: Faults,
        traffic: Traffic,
        tls: Tls | None = None,
    ) -> HttpStandIn:
        """A dependency of the platform: under `name`, every answer is counted and every fault strikes."""
        stand_in = cls(Dependency(name, app, shapes, faults, traffic), port, tls)
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
            http=_Severable,
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_SECONDS):
                while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 (no event for it)
                    await asyncio.sleep(0.01)  # a watch ends when it hears that its client has gone


async def _bind(port: int) -> socket.socket:
    """A listening socket on loopback; waits a little for a port that is about to become free."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BIND_PATIENCE_SECONDS
    while True:
        try:
            return listening(port, _BACKLOG)
        except OSError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _keep_date(server: uvicorn.Server) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_HEADERS_REFRESH_SECONDS)
            await server.on_tick(0)
