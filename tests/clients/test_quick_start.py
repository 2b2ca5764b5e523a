"""The page's first code, as it is written: against the whole app over HTTP and the real gRPC server, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

import clients.runtime_client
from runtime_grpc.server import Server
from shared.http import query
from shared.http.message import Request
from tests.clients.test_package import CLIENTS
from tests.grpc.served import until
from tests.unit.doubles.platform import TENANT, Platform

PROVISION = {
    "tenantId": TENANT,
    "projectId": "proj-booking-saas",
    "name": "quick-start",
    "stage": "dev",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks"],
}


@contextlib.asynccontextmanager
async def listening(platform: Platform) -> AsyncIterator[str]:
    """The app behind a socket of its own; its address."""

    async def serve(request: web.Request) -> web.Response:
        path, _, raw_query = request.raw_path.partition("?")
        fields = {name.lower(): value for name, value in request.headers.items()}
        base = str(request.url.origin())
        asked = Request(request.method, path, query.pairs_of(raw_query), fields, await request.read(), base)
        answer = await platform.pipeline.serve(asked, platform.hub)  # type: ignore[arg-type]
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_release_is_begun_followed_and_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "runtime_client", clients.runtime_client)  # its name once it is installed
    block = (CLIENTS / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(block, names)  # noqa: S102 - our own page
    platform = Platform()
    environment_id = (await platform.send("POST", "/environments", PROVISION))["environmentId"]
    await platform.settle()
    server = Server(platform.container, "127.0.0.1:0")
    await server.start()
    try:
        async with listening(platform) as api:
            release = names["release"](api, f"127.0.0.1:{server.port}", TENANT, environment_id)  # type: ignore[operator]
            following = asyncio.ensure_future(release)
            await until(lambda: bool(platform.hub.started))
            await platform.settle()
            told = ""

            def watched() -> bool:
                nonlocal told
                told += capsys.readouterr().out
                return following.done() or "HEALTH_STATUS" in told

            await until(watched, seconds=15.0)
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
    finally:
        await server.stop(0)
    assert told.splitlines()[-2:] == ["Succeeded", told.splitlines()[-1]]
    assert told.splitlines()[-1].startswith("module-reservations-api HEALTH_STATUS_")
