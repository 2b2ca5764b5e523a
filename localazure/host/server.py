"""The composition: one app, one ASGI application, one event loop.

Order matters twice. Settings are in the environment before the app is imported. Timers, receivers and orchestrations begin
only when HTTP serves, because the durable client posts to this very host. On the way out they end first.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from azure.functions.meta import Datum
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from localazure.host.admin import AdminApi
from localazure.host.configuration import HostConfiguration, read_host_json
from localazure.host.custom_headers import CustomHeaders
from localazure.host.http import HttpTriggers, routes_of
from localazure.host.indexing import Function, index, load_module
from localazure.host.invocation import Invoker
from localazure.host.keys import read_keys
from localazure.host.request_line import ForgivingTargets
from localazure.host.service_bus import Receiver, check_connection
from localazure.host.timers import Timer
from localazure.layout import LOOPBACK, Layout
from localazure.shelf import Shelf

log = logging.getLogger("localazure.host")
_STALL = 0.1  # seconds the loop may be busy before it is said
_TICK = 0.05
_CLOSE_TIMEOUT = 2.0  # seconds function_app.close() may take


class Host:
    """Everything of one app. Build it on the running loop; raises `NotEmulated`, `BadSetting`, `ValueError` on refusal."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        os.environ.update(layout.settings)
        self._module: ModuleType = load_module(folder)
        self.configuration: HostConfiguration = read_host_json(folder)
        self.functions: list[Function] = index(self._module, folder)
        self._invoke = Invoker(self.configuration.function_timeout)
        self._keys = read_keys(layout.data / "host-keys.json")
        self._shelf = Shelf(layout.data / "timers.sqlite")
        self._timers = [Timer(one, self._invoke, self._shelf) for one in self._of("timerTrigger")]
        for function in self._of("serviceBusTrigger"):
            check_connection(function)
        self._receivers = [Receiver(one, self._invoke, self.configuration) for one in self._of("serviceBusTrigger")]
        self._http = HttpTriggers(routes_of(self.functions, self.configuration.route_prefix), self._invoke, self._keys)
        self._engine, durable_routes = self._build_durable(layout)
        admin = AdminApi(self.functions, self._timers, self._invoke, self._keys)
        unknown_extension = Mount("/runtime/webhooks", app=Response(status_code=404))
        routes: list[BaseRoute] = [*durable_routes, unknown_extension, *admin.routes(), Mount("/", app=self._http)]
        application = Starlette(routes=routes)
        application.router.redirect_slashes = False
        application.router.default = self._http  # a mount's pattern ends at a line break, a decoded path may hold one
        self.application = CustomHeaders(application, self.configuration.custom_headers)
        self._tasks: list[asyncio.Task[None]] = []

    def _of(self, kind: str) -> list[Function]:
        return [function for function in self.functions if function.kind == kind]

    def _build_durable(self, layout: Layout) -> tuple[Any, list[Mount]]:
        clients = any(one["type"] == "durableClient" for function in self.functions for one in function.inputs)
        if not clients and not self._of("orchestrationTrigger"):
            return None, []
        # Imported here: durabletask and grpc cost 0.2 s that an app without orchestrations need not pay.
        from localazure.host.durable.backend import Backend
        from localazure.host.durable.engine import Engine
        from localazure.host.durable.store import Journal
        from localazure.host.durable.webhooks import DurableWebhooks

        backend = Backend(asyncio.get_running_loop(), Journal(layout.hub))
        engine = Engine(self.functions, self._invoke, backend, self.configuration.max_concurrent_activities)
        webhooks = DurableWebhooks(engine, layout.url("api"), self.configuration.hub, self._keys)
        binding = webhooks.binding()
        self._invoke.input_data["durableClient"] = lambda _: Datum(binding, "string")
        return engine, webhooks.routes()

    def start(self) -> None:
        """Begin what is not triggered by HTTP. Call when the listener is up."""
        for route in self._http.routes:
            log.info("%s: [%s] /%s", route.function.name, ",".join(sorted(route.methods)) or "any", route.template)
        if self._engine is not None:
            self._engine.start()
        runs = [timer.run() for timer in self._timers] + [receiver.run() for receiver in self._receivers]
        self._tasks = [asyncio.create_task(run) for run in (*runs, watch_for_stalls())]

    async def stop(self) -> None:
        """End it all within a few seconds; what is cut off runs again (activities, messages) or at its next tick."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.stop()
        close = getattr(self._module, "close", None)
        if inspect.iscoroutinefunction(close):
            try:
                await asyncio.wait_for(close(), _CLOSE_TIMEOUT)
            except Exception:  # the app's; the process ends anyway
                log.exception("function_app.close() failed")
        self._invoke.close()
        self._shelf.close()


async def watch_for_stalls() -> None:
    """Say so when the loop, which the app shares with the host, was blocked for more than 100 ms."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(_TICK)
        late = time.monotonic() - began - _TICK
        if late > _STALL:
            log.warning("the event loop was blocked for %.0f ms", late * 1000)


class Server(uvicorn.Server):
    """uvicorn, telling when it listens and leaving the signals to `__main__`, which ends the process with exit code 0."""

    def __init__(self, host: Host, port: int) -> None:
        config = uvicorn.Config(
            host.application,
            host=LOOPBACK,
            port=port,
            http=ForgivingTargets,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._listening: Callable[[], None] = host.start

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
