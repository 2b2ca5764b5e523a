"""A dependency of the platform as an ASGI application: every answer is counted, every fault strikes.

A lost acknowledgement is counted with the status that nobody saw: it was done. Cutting the connection is not in ASGI; the
listener offers it as an extension (`SEVER`) of the scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localazure.control.faults import Faults, Mode, stall
from localazure.control.traffic import Traffic
from localazure.services.throttling import Answer, Throttled

SEVER = "localazure.sever"  # scope["extensions"][SEVER]["abort"](): end the connection now, what is unsent is dropped
_CLIENT_WENT = 499

ErrorShape = Callable[[int], tuple[dict[str, str], bytes]]  # status → headers and body, as the service itself answers


@dataclass(frozen=True)
class Shapes:
    """How the service says that it failed, and that it is asked too often."""

    error: ErrorShape
    throttled: Throttled


@dataclass(frozen=True)
class Dependency:
    """`app` under `name`."""

    name: str
    app: ASGIApp
    shapes: Shapes
    faults: Faults
    traffic: Traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.faults.strike(self.name)
        mode = None if fault is None else fault.mode
        if fault is not None and mode is Mode.SLOW:
            await stall(fault)
        if mode is Mode.ERROR:
            await self._counted(_fixed(Answer(500, *self.shapes.error(500))), scope, receive, send)
        elif mode is Mode.THROTTLE:
            await self._counted(_fixed(self.shapes.throttled(scope["method"])), scope, receive, send)
        elif mode is Mode.ACK_LOST:
            await self._counted(self.app, scope, receive, _unheard)
            await _sever(scope, receive)
        else:
            await self._counted(self.app, scope, receive, send)

    async def _counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        status = _CLIENT_WENT

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            self.traffic.count(self.name, scope["method"], scope["path"], status)


def _fixed(answer: Answer) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        pairs = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        pairs.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})

    return app


async def _unheard(_message: Message) -> None:
    """What is said to a client that will not hear it."""


async def _sever(scope: Scope, receive: Receive) -> None:
    """Until the server knows that the client is gone: otherwise it would answer for an application that did not."""
    scope["extensions"][SEVER]["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass
