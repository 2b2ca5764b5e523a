"""The app's one container, made when it is first needed, and the way of a request through it."""

from __future__ import annotations

from collections.abc import Mapping

import azure.durable_functions as df

from blueprints.orchestrations import starter
from shared.container import Container
from shared.http.message import Request, Response
from shared.http.pipeline import Pipeline
from shared.http.routes import RouteTable
from shared.kernel.settings import read


class Serving:
    """One per process: the host has one event loop, and the SDKs' clients belong to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._container: Container | None = None
        self._pipeline: Pipeline | None = None
        self.table = RouteTable()

    def container(self) -> Container:
        """Raises `BadSettings` naming everything that is missing."""
        if self._container is None:
            self._container = Container(read(self._environment))
            self._container.messaging.open()
        return self._container

    async def serve(self, request: Request, client: df.DurableOrchestrationClient) -> Response:
        if self._pipeline is None:
            self._pipeline = self.container().pipeline(self.table)
        return await self._pipeline.serve(request, starter(client, self.container))

    async def close(self) -> None:
        if self._container is not None:
            await self._container.close()
