"""The client, against the app in this process and against the real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from clients.runtime_client import Runtime
from shared.http import query
from shared.http.message import Request
from tests.contract.app import BASE, WHOLE, App
from tests.contract.shop import Shop


class Through(httpx.AsyncBaseTransport):
    """Requests as they are on the wire, served by the app. `lost` answers are served and never arrive."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.seen: list[httpx.Request] = []
        self.lost = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path, _, raw_query = request.url.raw_path.decode().partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, path, query.pairs_of(raw_query), headers, await request.aread(), BASE)
        answer = await self.app.serve(asked)
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("the connection broke")
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


@pytest.fixture
def through() -> Through:
    return Through(App())


@pytest.fixture
async def shop(through: Through) -> Shop:
    return await Shop(through.app).made()


@pytest.fixture
async def runtime(through: Through) -> AsyncIterator[Runtime]:
    async with httpx.AsyncClient(base_url=BASE, transport=through) as http:
        yield Runtime(BASE, WHOLE, http=http, patience=2.0)
