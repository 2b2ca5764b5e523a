"""The REST API.

Lists are asynchronous iterators over all pages. What answers 202 gives a `Begun`; `settled` waits for its operation. Every
method raises `Problem`. routes: how they are asked · releases, running: the routes by what they are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self, Unpack, cast

import httpx

from .feeding import Feeding
from .generated import documents as doc
from .problems import OperationFailed
from .releases import Releases
from .routes import ROOT, How, because
from .running import Running
from .transport import Begun, Token, Transport

PATIENCE = 30.0  # seconds
OPEN = frozenset({"NotStarted", "Running"})
ENDED_BADLY = frozenset({"Failed", "Canceled"})
POLL = 2.0  # seconds, where the platform does not say


class Runtime(Releases, Running, Feeding):
    """`base_url`: scheme and authority. `patience`: how long, in seconds, what may work later is asked again.

    A context manager; `http`, where given, stays the caller's.
    """

    def __init__(
        self, base_url: str, token: Token, *, patience: float = PATIENCE, http: httpx.AsyncClient | None = None
    ) -> None:
        self._own = None if http else httpx.AsyncClient(base_url=base_url, timeout=30.0)
        used = http or self._own
        self.transport = Transport(cast(httpx.AsyncClient, used), token, patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._own is not None:
            await self._own.aclose()

    # Operations.

    async def operation(self, operation_id: str) -> doc.OperationState:
        return cast(doc.OperationState, await self._get(f"/operations/{operation_id}"))

    def operations(
        self,
        environment_id: str | None = None,
        *,
        status: doc.OperationStatus | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[doc.OperationState | doc.OperationOutline]:
        """The tenant's, or one environment's, newest first; in outline where the token has no scope of the kind."""
        wanted = {"environmentId": environment_id, "status": status, "limit": limit}
        return self._pages("/operations", "operations", wanted)

    async def cancel(self, operation_id: str, reason: str | None = None, **how: Unpack[How]) -> doc.OperationState:
        answer = await self._post(f"/operations/{operation_id}/cancel", because(reason), **how)
        return cast(doc.OperationState, answer.json())

    async def retry(self, operation_id: str, reason: str | None = None, **how: Unpack[How]) -> doc.OperationState:
        answer = await self._post(f"/operations/{operation_id}/retry", because(reason), **how)
        return cast(doc.OperationState, answer.json())

    async def settled(
        self,
        operation: str | Begun[Any],
        *,
        within: float = 3600.0,
        told: Callable[[doc.OperationState], None] | None = None,
    ) -> doc.OperationState:
        """The operation once it has Succeeded, looked at as often as `Retry-After` says; `told` hears of every look.

        Raises `OperationFailed` when it ended otherwise, `TimeoutError` after `within` seconds.
        """
        operation_id = operation if isinstance(operation, str) else operation.operation_id
        async with asyncio.timeout(within):
            while True:
                answer = await self.transport.ask("GET", f"{ROOT}/operations/{operation_id}", headers={})
                found = cast(doc.OperationState, answer.json())
                if told is not None:
                    told(found)
                if found["status"] in ENDED_BADLY:
                    raise OperationFailed(found)
                if found["status"] not in OPEN:
                    return found
                await asyncio.sleep(float(answer.headers.get("Retry-After", POLL)))

    async def rehearse(self, path: str, request: Mapping[str, Any], *, method: str = "POST") -> doc.DryRun:
        """The mutation of `path` (under /v1/runtime) as a dry run: every obstacle and every effect, and nothing is done."""
        answer = await self.transport.change(method, ROOT + path, request, query={"dryRun": "true"})
        return cast(doc.DryRun, answer.json())

    # The platform.

    async def description(self) -> dict[str, Any]:
        """Its OpenAPI document."""
        return cast(dict[str, Any], await self._get("/openapi.json"))

    async def alive(self) -> doc.Liveness:
        return cast(doc.Liveness, await self.transport.get("/alive"))

    async def ready(self) -> doc.Readiness:
        """Whether it can serve. Raises `Unavailable` where it cannot for as long as patience lasts."""
        return cast(doc.Readiness, await self.transport.get("/health"))
