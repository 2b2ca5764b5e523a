"""The HTTP that access needs: reading the issuer's documents and asking the policy point.

Bounded on every side (bytes, seconds, no redirects, no cookies, no environment proxy and so no .netrc), because an issuer
that is slow or lies must not take the app down with it. The transport is aiohttp, imported at the first call: it costs
0.3 s and a warm token cache never needs it.

aiohttp's sessions belong to the loop that made them, hence one per loop; `close` ends the running loop's.
Everything that goes wrong on the way is `Transient`: nothing was learned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from shared.kernel.errors import Transient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse, ClientSession

MAX_ANSWER_BYTES = 256 * 1024
OK = 200


class Outbound:
    """One dependency's door. `timeout` is for a whole exchange, in seconds."""

    def __init__(self, dependency: str, *, timeout: float = 5.0, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._dependency = dependency
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSession] = WeakKeyDictionary()

    async def fetch(self, url: str) -> bytes:
        """GET `url`. Raises `Transient` unless a 200 of bounded size came in time."""
        status, body = await self._exchange("GET", url, None, {"Accept": "application/json"})
        if status != OK:
            raise Transient(self._dependency)
        return body

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """POST and return (status, body), whatever the status. Raises `Transient` when no answer came."""
        return await self._exchange("POST", url, body, headers)

    async def close(self) -> None:
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def _exchange(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        async with self._answer(method, url, data=data, headers=headers) as answer:
            return answer.status, await self._body(answer)

    @asynccontextmanager
    async def _answer(self, method: str, url: str, **options: Any) -> AsyncIterator[ClientResponse]:
        from aiohttp import ClientError, InvalidURL

        try:
            async with self._session().request(method, url, allow_redirects=False, **options) as answer:
                yield answer
        except (ClientError, InvalidURL, TimeoutError, OSError) as error:
            raise Transient(self._dependency) from error

    async def _body(self, answer: ClientResponse) -> bytes:
        read = bytearray()
        async for chunk in answer.content.iter_any():
            read += chunk
            if len(read) > self._max_bytes:
                raise Transient(self._dependency)
        return bytes(read)

    def _session(self) -> ClientSession:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = ClientSession(
                timeout=ClientTimeout(total=self._timeout), cookie_jar=DummyCookieJar(), trust_env=False
            )
            self._sessions[loop] = session
        return session
