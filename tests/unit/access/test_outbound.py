"""The default transport against a real socket: bounded, no redirects, errors as `Transient`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from shared.access.outbound import Outbound
from shared.kernel.errors import Transient


@pytest.fixture
async def served() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/ok":
                return web.json_response({"method": request.method, "sent": await request.text()})
            case "/elsewhere":
                raise web.HTTPFound("/ok")
            case "/big":
                return web.Response(body=b"x" * 2000)
            case "/slow":
                await asyncio.sleep(1)
        return web.Response(status=500, body=b"broken")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    made = Outbound("issuer", timeout=0.2, max_bytes=1000)
    yield made
    await made.close()
    await made.close()


async def test_a_document_is_fetched(outbound: Outbound, served: str) -> None:
    assert b'"GET"' in await outbound.fetch(served + "/ok")


async def test_an_answer_to_a_post_comes_with_its_status(outbound: Outbound, served: str) -> None:
    status, body = await outbound.post(served + "/ok", b"{}", {"Content-Type": "application/json"})
    assert (status, b'"sent": "{}"' in body) == (200, True)
    assert (await outbound.post(served + "/broken", b"", {}))[0] == 500
    assert (await outbound.post(served + "/elsewhere", b"", {}))[0] == 302


@pytest.mark.parametrize("path", ["/elsewhere", "/big", "/slow", "/broken"])
async def test_a_redirect_too_much_too_late_or_an_error_is_nothing(outbound: Outbound, served: str, path: str) -> None:
    with pytest.raises(Transient) as caught:
        await outbound.fetch(served + path)
    assert caught.value.dependency == "issuer"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://", "nonsense", "http://[", "ftp://127.0.0.1/"])
async def test_nobody_there_is_nothing(outbound: Outbound, url: str) -> None:
    with pytest.raises(Transient):
        await outbound.fetch(url)


def test_each_loop_has_a_session_of_its_own() -> None:
    outbound: Any = Outbound("issuer", timeout=0.2)

    async def once() -> None:
        for _ in range(2):
            with pytest.raises(Transient):
                await outbound.fetch("http://127.0.0.1:1/")
        await outbound.close()

    asyncio.run(once())
    asyncio.run(once())
