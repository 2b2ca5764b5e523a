"""/admin, the host's own API, for the master key: its state, its functions, and calling one that no request triggers."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any

from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.host.http import EVERY_METHOD, given_key, read_body
from localazure.host.indexing import Function
from localazure.host.invocation import Invoker
from localazure.host.keys import Keys
from localazure.host.timers import Timer

log = logging.getLogger("localazure.host.admin")
Handler = Callable[[Request], Awaitable[Response]]


class AdminApi:
    """Timers run through their own `Timer`, so that the monitor learns of it; Service Bus functions get the input."""

    def __init__(self, functions: Sequence[Function], timers: Sequence[Timer], invoke: Invoker, keys: Keys) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._timers = {timer.function.name: timer for timer in timers}
        self._invoke = invoke
        self._keys = keys
        self._began = time.monotonic()
        self._calls: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        return [
            Route("/admin/host/status", self._guarded(self._status), methods=["GET"]),
            Route("/admin/functions", self._guarded(self._list), methods=["GET"]),
            Route("/admin/functions/{name}", self._guarded(self._call), methods=["POST"]),
            Route("/admin", self._guarded(self._not_emulated), methods=EVERY_METHOD),
            Route("/admin/{rest:path}", self._guarded(self._not_emulated), methods=EVERY_METHOD),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            return await handler(request) if self._keys.open("admin", given_key(request)) else Response(status_code=401)

        return guarded

    async def _status(self, request: Request) -> Response:
        uptime = int((time.monotonic() - self._began) * 1000)
        document = {"id": "localazure", "state": "Running", "version": version("azure-functions"), "processUptime": uptime}
        return JSONResponse(document)

    async def _list(self, request: Request) -> Response:
        return JSONResponse(
            [
                {"name": one.name, "config": {"bindings": [one.trigger, *one.inputs]}, "isDisabled": False}
                for one in self._functions.values()
            ]
        )

    async def _call(self, request: Request) -> Response:
        function = self._functions.get(request.path_params["name"].lower())
        if function is None:
            return Response(status_code=404)
        if function.kind not in ("timerTrigger", "serviceBusTrigger"):
            return await self._not_emulated(request)
        try:
            given = json.loads(await read_body(request) or b"{}").get("input") or ""
        except (ValueError, AttributeError):
            return Response(status_code=400)
        call = asyncio.create_task(self._run(function, given))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return Response(status_code=202)

    async def _run(self, function: Function, given: Any) -> None:
        if function.kind == "timerTrigger":
            await self._timers[function.name].fire(past_due=False)
            return
        body = given if isinstance(given, str) else json.dumps(given)
        metadata = {name: Datum("{}", "json") for name in ("UserProperties", "ApplicationProperties")}
        try:
            await self._invoke(function, Datum(body.encode(), "bytes"), metadata)
        except Exception:  # the app's; the caller was told 202 already
            log.exception("function %s failed", function.name)

    async def _not_emulated(self, request: Request) -> Response:
        return JSONResponse({"Message": f"{request.method} {request.url.path} is not emulated"}, 501)
