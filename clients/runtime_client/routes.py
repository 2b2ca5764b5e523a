"""What every route is asked with: the transport, pages, and what a caller may add to a mutation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypedDict, Unpack

import httpx

from .transport import Begun, Transport, begun

ROOT = "/v1/runtime"


class How(TypedDict, total=False):
    """Of a mutation. `if_match`: the ETag of what it is about (`Transport.tagged`)."""

    idempotency_key: str
    if_match: str


class Routes:
    transport: Transport

    async def _get(self, path: str, **query: Any) -> Any:
        return await self.transport.get(ROOT + path, query)

    async def _post(self, path: str, body: Any, **how: Unpack[How]) -> httpx.Response:
        return await self.transport.change("POST", ROOT + path, body, **how)

    async def _put(self, path: str, body: Any, **how: Unpack[How]) -> httpx.Response:
        return await self.transport.change("PUT", ROOT + path, body, **how)

    async def _delete(self, path: str, **how: Unpack[How]) -> None:
        await self.transport.change("DELETE", ROOT + path, **how)

    async def _begin(self, path: str, body: Any, **how: Unpack[How]) -> Begun[Any]:
        return begun(await self._post(path, body, **how))

    async def _pages(self, path: str, plural: str, query: Mapping[str, Any]) -> AsyncIterator[Any]:
        page = await self._get(path, **query)
        while True:
            for item in page[plural]:
                yield item
            if "nextLink" not in page:
                return
            page = await self.transport.get(page["nextLink"])


def because(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}
