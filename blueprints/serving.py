"""The app's one container, made when it is first needed, and the way of a request through it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import cast

import azure.durable_functions as df

from blueprints.hub import DurableHub
from shared.access.authoriser import Authoriser
from shared.access.caller import Caller
from shared.access.tokens import Tokens
from shared.azure import telemetry
from shared.container import Container
from shared.http.cursor import Cursors
from shared.http.message import Request, Response
from shared.http.mutating import Mutating
from shared.http.pipeline import Pipeline
from shared.http.routes import RouteTable
from shared.kernel.errors import Transient
from shared.kernel.settings import BadSettings, Settings, read

log = logging.getLogger(__name__)
SERVICE = telemetry.Service("runtime-api", lines_forwarded=True)


class Unready(Authoriser):
    """Lets nobody in while settings are missing: what is open to all is served, /health names them, the rest is 503."""

    async def authenticate(self, authorization: str | None, trace_id: str) -> Caller:
        raise Transient("settings", retry_after=30.0)


class Serving:
    """One per process: the host has one event loop, and the SDKs' clients belong to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._settings: Settings | None = None
        self._container: Container | None = None
        self._pipeline: Pipeline | None = None
        self._telling = telemetry.Telling()
        self.table = RouteTable()

    def settings(self) -> Settings:
        """Raises `BadSettings` naming everything that is missing."""
        if self._settings is None:
            self._settings = read(self._environment)
        return self._settings

    def container(self) -> Container:
        """Raises `BadSettings` naming everything that is missing."""
        if self._container is None:
            self._container = Container(self.settings())
            self._telling = telemetry.start(self.settings(), SERVICE)
            self._container.messaging.open()
        return self._container

    async def serve(self, request: Request, client: df.DurableOrchestrationClient) -> Response:
        return await self._way().serve(request, DurableHub(client, self.container))

    def _way(self) -> Pipeline:
        if self._pipeline is None:
            try:
                self._pipeline = self.container().pipeline(self.table)
            except BadSettings as bad:
                log.error("the app cannot serve: %s", bad)
                return Pipeline(self.table, Unready(cast(Tokens, None)), cast(Mutating, None), Cursors(b""))
        return self._pipeline

    async def close(self) -> None:
        if self._container is not None:
            await self._container.close()
        await asyncio.to_thread(self._telling.end)
