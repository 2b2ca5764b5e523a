"""The default transport against a real socket: bounded, no redirects, errors as `Transient`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from shared.access.outbound import Outbound
from shared.kernel.errors import Transient


@pytest.fixture
async def served() -> AsyncIterator[str]:
    async def served(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/ok":
                return web.json_response({"method": request.method, "sent": await request.text()})
            case "/told":
                assert request.transport is not None
                port = request.transport.get_extra_info("peername")[1]
                answer = web.json_response({"headers": dict(request.headers), "port": port})
                answer.set_cookie("session", "1")
                return answer
            case "/full":
                return web.Response(body=b"x" * 1000)
            case "/pieces":
                pieces = web.StreamResponse()
                await pieces.prepare(request)
                for _ in range(4):
                    await pieces.write(b"x" * 300)
                    await asyncio.sleep(0.01)
                return pieces
            case "/elsewhere":
                raise web.HTTPFound("/ok")
            case "/big":
                return web.Response(body=b"x" * 2000)
            case "/slow":
                await asyncio.sleep(1)
        return web.Response(status=500, body=b"broken")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served)
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


@pytest.mark.parametrize("path", ["/elsewhere", "/big", "/pieces", "/slow", "/broken"])
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


async def test_an_answer_of_exactly_the_most_bytes_is_one(outbound: Outbound, served: str) -> None:
    assert len(await outbound.fetch(served + "/full")) == 1000


async def test_headers_arrive_cookies_do_not_come_back_and_a_connection_is_used_again(
    outbound: Outbound, served: str
) -> None:
    first = json.loads((await outbound.post(served + "/told", b"", {"X-Mine": "1"}))[1])
    second = json.loads(await outbound.fetch(served + "/told"))
    assert first["headers"]["X-Mine"] == "1"
    assert second["headers"]["Accept"] == "application/json"
    assert "Cookie" not in second["headers"]
    assert first["port"] == second["port"]


async def test_no_proxy_of_the_environment_is_used(
    outbound: Outbound, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert await outbound.fetch(served + "/ok")


async def test_a_closed_one_opens_again_and_leaves_nothing_open(served: str) -> None:
    outbound = Outbound("issuer")
    await outbound.fetch(served + "/ok")
    session = outbound._session()
    await outbound.close()
    assert session.closed
    await outbound.fetch(served + "/ok")
    await outbound.close()


def test_an_exchange_takes_five_seconds_at_most() -> None:
    async def timeout() -> float | None:
        outbound = Outbound("issuer")
        total = outbound._session().timeout.total
        await outbound.close()
        return total

    assert asyncio.run(timeout()) == 5.0
