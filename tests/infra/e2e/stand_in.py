"""The ARM stand-in for these tests: faults and stops on demand, a log of creations."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from localazure.arm.app import Application, application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.shelf import Shelf
from tests.localazure.arm.conftest import server_context
from tests.localazure.arm.doubles import Runner, Vaults

VERSION = "2025-01-01"


@dataclass
class StandIn:
    """`faults`: how a PUT whose path ends so is refused, (status, code). `held`: PUTs that are done, and whose answer is
    held back until the event is set. `made`: how often each resource was created."""

    app: Application
    url: str = ""
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    reached: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, putting = scope["path"], scope["method"] == "PUT"
        fault = next((found for end, found in self.faults.items() if putting and path.endswith(end)), None)
        if fault:
            error = {"error": {"code": fault[1], "message": "the test says no"}}
            return await JSONResponse(error, fault[0])(scope, receive, send)

        async def answered(message: Any) -> None:
            if message["type"] == "http.response.start" and putting:
                self.made.update([path] if message["status"] == 201 else [])
                self.reached.append(path)
                for end, event in list(self.held.items()):
                    if path.endswith(end):
                        await event.wait()
            await send(message)

        await self.app(scope, receive, answered)

    async def until(self, end: str, seconds: float = 120.0) -> None:
        """Until a PUT of such a path was done."""
        async with asyncio.timeout(seconds):
            while True:
                if any(path.endswith(end) for path in self.reached):
                    return
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def serving(folder: Path, certificate: Path) -> AsyncIterator[StandIn]:
    shelf, workloads = Shelf(folder / "services.sqlite"), Runner()
    app = application(
        shelf,
        workloads,
        jobs=JobRunner(logs=folder / "logs", project=folder, environment={}),
        authorise=lambda token: token == "good",
        vaults=Vaults(),
        cluster=Cluster("https://127.0.0.1:6443", "-----BEGIN CERTIFICATE-----"),
        tls=server_context(certificate),
        delay_seconds=0.02,
    )
    stand_in = StandIn(app)
    config = uvicorn.Config(stand_in, port=0, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    stand_in.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield stand_in
    for event in stand_in.held.values():
        event.set()
    await server.shutdown()
    workloads.close()
    shelf.close()


class Client:
    """`ResourceManager` on plain HTTP."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer good"}, timeout=60)

    async def get(self, resource_id: str, api_version: str = VERSION) -> dict[str, Any] | None:
        answer = await self._client.get(resource_id, params={"api-version": api_version})
        return None if answer.status_code == 404 else self._accepted(answer)

    async def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._accepted(await self._client.put(resource_id, params={"api-version": api_version}, json=body))
        return await self._settled(resource_id) or {}

    async def delete(self, resource_id: str, api_version: str = VERSION) -> None:
        answer = await self._client.delete(resource_id, params={"api-version": api_version})
        if answer.status_code != 404:
            self._accepted(answer)
        while True:
            if await self.get(resource_id) is None:
                return
            await asyncio.sleep(0.02)

    async def post(self, path: str, api_version: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._accepted(await self._client.post(path, params={"api-version": api_version}, json=body or {}))

    async def close(self) -> None:
        await self._client.aclose()

    async def _settled(self, resource_id: str) -> dict[str, Any] | None:
        while True:
            standing = await self.get(resource_id)
            state = ((standing or {}).get("properties") or {}).get("provisioningState", "Succeeded")
            if state in ("Succeeded", "Failed", "Canceled"):
                return standing
            await asyncio.sleep(0.02)

    def _accepted(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code < 300, answer.text
        document: dict[str, Any] = json.loads(answer.content or b"{}")
        return document
